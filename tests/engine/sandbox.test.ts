import { startSandboxWorld, type SandboxWorld } from "../fixtures/sandbox-world";
import type { Ended } from "./harness";

jest.setTimeout(300_000);

let world: SandboxWorld;

beforeAll(async () => {
  world = await startSandboxWorld(60);
});
afterAll(() => world?.stop());

const fine = ({ code, output, stdout }: Ended): string => {
  expect({ code, said: code === 0 ? "" : output.slice(-3000) }).toEqual({ code: 0, said: "" });
  return stdout;
};

it("makes one, lists it, shows it, removes it", async () => {
  console.log(JSON.stringify(await world.hermes("sandbox", "create", "one", "--ttl", "2h")));
  console.log(JSON.stringify(world.traces()));
  console.log(fine(await world.hermes("sandbox", "list")));
  console.log(fine(await world.hermes("sandbox", "show", "one")));
  console.log(JSON.stringify(await world.hermes("sandbox", "extend", "one", "--ttl", "5h")));
  console.log(JSON.stringify(world.traces()));
  console.log(JSON.stringify(await world.hermes("sandbox", "recreate", "one")));
  console.log(JSON.stringify(await world.hermes("sandbox", "destroy", "one")));
  expect(world.traces()).toEqual({});
});
