/** An error in DigitalOcean's shape: `{id, message}`; the server adds the request id. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly id: string,
    message: string,
  ) {
    super(message);
  }
}

export const notFound = () => new ApiError(404, "not_found", "The resource you were accessing could not be found.");
export const unprocessable = (message: string) => new ApiError(422, "unprocessable_entity", message);
/** Seen in public bug reports: a taken volume or firewall name answers 409, a taken key 422. */
export const conflict = (message: string) => new ApiError(409, "conflict", message);
export const pendingEvent = () => unprocessable("Droplet already has a pending event.");
