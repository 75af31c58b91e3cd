//! Sends the requests of the control API.

/** A request that the simulator refused, or did not answer. */
export class ControlError extends Error {
  constructor(message, status, options) {
    super(message, options);
    this.name = "ControlError";
    this.status = status;
  }
}

/** Sends requests to one simulator, for one corp. */
export class Transport {
  constructor(baseUrl, corpId) {
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this.corpId = corpId;
  }

  async json(method, path, query, body) {
    return (await this.#send(method, path, query, body)).json();
  }

  async text(method, path, query, body) {
    return (await this.#send(method, path, query, body)).text();
  }

  async bytes(method, path, query, body) {
    return new Uint8Array(await (await this.#send(method, path, query, body)).arrayBuffer());
  }

  async #send(method, path, query, body) {
    const place = `/sim/v1/${path.map(encodeURIComponent).join("/")}`;
    const present = Object.entries({ ...query, corp_id: this.corpId }).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(present).toString();
    const request = { method };
    if (body instanceof Uint8Array) {
      request.headers = { "Content-Type": "application/octet-stream" };
      request.body = body;
    } else if (body !== undefined) {
      request.headers = { "Content-Type": "application/json" };
      request.body = JSON.stringify(body);
    }
    let reply;
    try {
      reply = await fetch(`${this.baseUrl}${place}${search && `?${search}`}`, request);
    } catch (error) {
      const why = error.cause?.message ?? error.message;
      throw new ControlError(`the simulator at ${this.baseUrl} does not answer: ${why}`, undefined, { cause: error });
    }
    if (!reply.ok) {
      const refusal = await reply.json().catch(() => ({}));
      throw new ControlError(`${method} ${place} was refused: ${refusal.error ?? `HTTP status ${reply.status}`}`, reply.status);
    }
    return reply;
  }
}
