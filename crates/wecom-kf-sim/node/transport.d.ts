//! Types of the transport of the control API.

/** A request that the simulator refused, or did not answer. */
export declare class ControlError extends Error {
  /** The HTTP status; undefined if there was no answer. */
  readonly status: number | undefined;
}

/** Sends requests to one simulator, for one corp. */
export declare class Transport {
  /** @param corpId The first corp without it. */
  constructor(baseUrl: string, corpId?: string);
  readonly baseUrl: string;
  readonly corpId: string | undefined;
}
