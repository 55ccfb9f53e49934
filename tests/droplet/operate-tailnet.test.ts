import { sharedLab } from "../support/labs";
import { operate, OPERATIONS, tunnels } from "../support/operations";
import { secretsIn, stackSecrets } from "../support/secrets";

const project = sharedLab();

describe("a stack that is reached over the tailnet is operated by", () => {
  it.each(OPERATIONS)("hermes $args", (operation) => operate(project, operation));

  it("hermes tunnel, which carries a request to the gateway", () => tunnels(project));
});

it("no secret was printed by any of it", async () => {
  const secrets = await stackSecrets(project);
  // The search can see.
  expect(secretsIn(Object.values(secrets).join("\n"), secrets)).toEqual(Object.keys(secrets));
  expect(secretsIn(project.printed.join("\n"), secrets)).toEqual([]);
});
