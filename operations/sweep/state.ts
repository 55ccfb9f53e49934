/** A resource as `pulumi stack export` shows it; only what is read here. */
export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  outputs?: Record<string, unknown>;
  protect?: boolean;
}
