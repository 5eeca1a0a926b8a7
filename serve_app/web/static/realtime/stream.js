/** One session of `WS /v1/stream`, and how it can end, in sentences. */

import { RATE_HZ } from "./microphone.js";

const READY_MS = 30_000;
const LAST_WORDS_MS = 30_000;
const MOST_WAITING_S = 30;

export class Stream {
  #socket;
  #handlers;
  #waiting = []; // frames from before the service was ready
  #ready = false;
  #stopping = false;
  #finished = false;
  #ended = false;
  #fault = null;
  #timer;
  #sentS = 0;
  #lastFrameMs = performance.now();

  /**
   * Connect. `onReady(message)`, `onMessage(message)` for words, and, once, `onEnd(ending)` for `explainEnd`.
   * Frames may be given at once: they wait until the service is ready.
   */
  constructor(url, { onReady, onMessage, onEnd }) {
    this.#handlers = { onReady, onMessage, onEnd };
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    this.#socket.addEventListener("close", ({ code }) => this.#end(code));
    this.#limit(READY_MS);
  }

  /** Seconds of sound that were given so far, up to this moment. */
  get nowS() {
    return this.#sentS + (performance.now() - this.#lastFrameMs) / 1000;
  }

  /** Seconds of sound that were given. */
  get durationS() {
    return this.#sentS;
  }

  /** Seconds of sound that the connection has not taken yet. */
  get waitingS() {
    return this.#socket.bufferedAmount / (2 * RATE_HZ);
  }

  /** Give the next samples. */
  send(samples) {
    if (this.#ended || this.#stopping) return;
    this.#sentS += samples.length / RATE_HZ;
    this.#lastFrameMs = performance.now();
    if (!this.#ready) this.#waiting.push(samples);
    else this.#socket.send(samples);
    if (this.waitingS > MOST_WAITING_S) this.#end(STALLED);
  }

  /** Use another language from the next sentence on. */
  useLanguage(language) {
    if (this.#ready && !this.#stopping) this.#socket.send(JSON.stringify({ language }));
  }

  /** No more sound comes: the last words do, and then the end. */
  stop() {
    if (this.#ended || this.#stopping) return;
    this.#stopping = true;
    if (this.#ready) this.#sendStop();
  }

  #sendStop() {
    this.#socket.send(JSON.stringify({ action: "stop" }));
    this.#limit(LAST_WORDS_MS);
  }

  #take(message) {
    if (this.#ended) return;
    if (this.#stopping && this.#ready) this.#limit(LAST_WORDS_MS);
    if (message.error !== undefined) {
      this.#fault = message;
    } else if (message.status === "ready") {
      clearTimeout(this.#timer);
      this.#ready = true;
      this.#handlers.onReady(message);
      for (const samples of this.#waiting.splice(0)) this.#socket.send(samples);
      if (this.#stopping) this.#sendStop();
    } else {
      this.#finished ||= message.final === true;
      this.#handlers.onMessage(message);
    }
  }

  #limit(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(SILENT), ms);
  }

  #end(code) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.close();
    const isComplete = this.#finished && this.#stopping;
    this.#handlers.onEnd({ code, fault: this.#fault, wasReady: this.#ready, isComplete });
  }
}

// Ours, for ends that no close frame tells of.
const STALLED = "stalled";
const SILENT = "silent";

const KEY_HELPS = new Set(["UNAUTHENTICATED", "FORBIDDEN", "QUOTA_EXCEEDED", "INSUFFICIENT_CREDITS", "ZERO_BALANCE"]);

const ENDS = {
  1001: ["The service went away", "It may be restarting. Reconnect in a moment."],
  1003: ["The service did not understand this page", "It may be of another version: reload the page."],
  1006: ["The connection was lost", "The network failed, or the service stopped without a word."],
  1007: ["The service did not understand this page", "It may be of another version: reload the page."],
  1008: ["The service ended the session", "Its rules do not allow more: a limit, credits, or a missing API key."],
  1009: ["Too much sound was sent at once", "Reconnect to go on."],
  1011: ["The service failed", "Something went wrong on its side. Reconnect to go on."],
  1012: ["The service is restarting", "What was heard is written down. Reconnect in a moment."],
  1013: ["The service is busy", "As many sessions run as it can hold. Reconnect in a moment."],
  [STALLED]: ["The connection is too slow", `${MOST_WAITING_S} seconds of sound could not be sent.`],
  [SILENT]: ["The service does not answer", "It is connected, but says nothing. Reconnect to go on."],
};
const UNREACHED = [
  "The service cannot be reached",
  "It may not run, or a proxy before it may not let WebSockets through.",
];

/**
 * Return null for an end in good order, else {title, text, needsKey}.
 * What the service itself gave as the reason comes first; the close code stands behind it.
 */
export function explainEnd({ code, fault, wasReady, isComplete }) {
  if (isComplete) return null;
  const known = code === 1006 && !wasReady ? UNREACHED : ENDS[code];
  const [title, text] = known ?? ["The connection was closed", "Reconnect to go on."];
  return {
    title: typeof code === "number" ? `${title} (code ${code})` : title,
    text: fault ? fault.error : text,
    needsKey: fault !== null && KEY_HELPS.has(fault.error_code),
  };
}
