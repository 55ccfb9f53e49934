// What tests with a real engine share.
/** The fake droplets answer on port 22, which is root's. */
export const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** Shows what a command printed where it failed. */
export function expectSuccess({ code, output }: { code: number | null; output: string }): void {
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
}

/** Refused with a message for people, not with the program's stack trace. */
export function expectFailure({ code, output }: { code: number | null; output: string }): void {
  expect(code).not.toBe(0);
  expect(output).not.toMatch(/\n\s+at .*:\d+:\d+/);
}
