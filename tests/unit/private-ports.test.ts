import { PRIVATE_PORTS } from "../../lib/private-ports";

it("is the same list in hermes-apply, which imports nothing of the project", () => {
  const { PRIVATE_PORTS: onDroplet } = jest.requireActual<{ PRIVATE_PORTS: number[] }>(
    "../../gateway/apply/doctor-network.ts",
  );
  expect([...onDroplet].sort()).toEqual([...PRIVATE_PORTS].sort());
});
