/** How long words take from being spoken to being here, in medians of the last ones. */

const REMEMBERED = 60;

export class Latency {
  #seen = [];
  #final = [];
  #seenUntilS = 0;

  /** Take a message that came when the sound was at `nowS` of the same session. */
  take({ end, words }, nowS) {
    if (end !== null && end > this.#seenUntilS) {
      this.#seenUntilS = end;
      remember(this.#seen, nowS - end);
    }
    for (const word of words) remember(this.#final, nowS - word.end);
  }

  /** Seconds until words are first seen; null before the first. */
  get seenS() {
    return median(this.#seen);
  }

  /** Seconds until they are final. */
  get finalS() {
    return median(this.#final);
  }
}

function remember(delays, delayS) {
  delays.push(Math.max(delayS, 0));
  if (delays.length > REMEMBERED) delays.shift();
}

function median(values) {
  return values.length ? [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] : null;
}
