import { Failure } from "../../src/failure.ts";

/** The Failure that an action throws. Anything else it throws goes on; that it throws nothing is an error. */
export function failureOf(action: () => unknown): Failure {
  try {
    action();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("Nothing was thrown");
}

/** As `failureOf`, for a promise. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Failure> {
  const outcome = await promise.then(
    () => new Error("Nothing was thrown"),
    (error: unknown) => error,
  );
  if (outcome instanceof Failure) return outcome;
  throw outcome;
}
