/** A proof that is not valid, a policy that is not one, or a checkpoint that is not trusted. The message says why. */
export class InvalidProof extends Error {
  override readonly name = "InvalidProof";
}

/** Throws unless a condition holds. */
export function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new InvalidProof(message);
  }
}
