import type * as pulumi from "@pulumi/pulumi";

/** A component's own `dependsOn`, for the children that it is meant for: Pulumi does not hand it down by itself. */
export function after(opts: pulumi.ComponentResourceOptions | undefined): Pick<pulumi.ResourceOptions, "dependsOn"> {
  return opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn };
}
