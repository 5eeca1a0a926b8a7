/**
 * Sample-rate conversion of a stream by a windowed sinc. Browsers differ in whether they would do it themselves:
 * Firefox connects no microphone to an AudioContext of another rate.
 */

const ZERO_CROSSINGS = 24; // on either side: about 1.5 kHz from passing to stopping at 16 kHz
const PASS = 0.92; // of the lower half rate

export class Resampler {
  #step; // from one sample of the result to the next, in #phases of a sample of the input
  #phases;
  #half; // taps on either side
  #kernels = [];
  #held; // input that later results need
  #at; // index in #held of the sample at or before the next result
  #phase = 0; // and how far behind it

  constructor(fromHz, toHz) {
    const divisor = greatestCommonDivisor(Math.round(fromHz), Math.round(toHz));
    this.#step = Math.round(fromHz) / divisor;
    this.#phases = Math.round(toHz) / divisor;
    const cutoff = 0.5 * Math.min(1, toHz / fromHz) * PASS; // cycles a sample of the input
    this.#half = Math.ceil(ZERO_CROSSINGS / (2 * cutoff));
    for (let phase = 0; phase < this.#phases; phase++) {
      this.#kernels.push(kernel(this.#half, cutoff, phase / this.#phases));
    }
    this.#held = new Float32Array(this.#half - 1);
    this.#at = this.#half - 1;
  }

  /** Return the samples that are settled once `input` is known: the first one stands where the input begins. */
  push(input) {
    if (this.#step === this.#phases) return Float32Array.from(input);
    const sound = new Float32Array(this.#held.length + input.length);
    sound.set(this.#held);
    sound.set(input, this.#held.length);
    const result = [];
    while (this.#at + this.#half < sound.length) {
      const taps = this.#kernels[this.#phase];
      const from = this.#at - this.#half + 1;
      let sum = 0;
      for (let i = 0; i < taps.length; i++) sum += sound[from + i] * taps[i];
      result.push(sum);
      this.#phase += this.#step;
      this.#at += Math.floor(this.#phase / this.#phases);
      this.#phase %= this.#phases;
    }
    const done = this.#at - this.#half + 1;
    this.#held = sound.slice(done);
    this.#at -= done;
    return Float32Array.from(result);
  }

  /** Return what is left when no more input comes. */
  finish() {
    return this.#step === this.#phases ? new Float32Array(0) : this.push(new Float32Array(this.#half));
  }
}

/** Return the taps for a result that lies `offset` (0..1) of a sample behind the middle one; they sum up to 1. */
function kernel(half, cutoff, offset) {
  const taps = new Float32Array(2 * half);
  let sum = 0;
  for (let i = 0; i < taps.length; i++) {
    const distance = i - (half - 1) - offset;
    const position = distance / half;
    const angle = 2 * Math.PI * cutoff * distance;
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
    const blackman = 0.42 + 0.5 * Math.cos(Math.PI * position) + 0.08 * Math.cos(2 * Math.PI * position);
    taps[i] = Math.abs(position) <= 1 ? sinc * blackman : 0;
    sum += taps[i];
  }
  return taps.map((tap) => tap / sum);
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
