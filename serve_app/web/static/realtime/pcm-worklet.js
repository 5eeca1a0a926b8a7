/** On the audio thread: what the microphone gives, as frames of 100 ms, signed 16-bit at 16 kHz. */

import { Resampler } from "./resampler.js";

const RATE_HZ = 16_000;
const FRAME_SAMPLES = RATE_HZ / 10;

class PcmFrames extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE_HZ);
  #frame = new Int16Array(FRAME_SAMPLES);
  #filled = 0;
  #peak = 0;
  #running = true;

  constructor() {
    super();
    this.port.onmessage = () => this.#finish();
  }

  process(inputs) {
    const [samples] = inputs[0];
    if (samples && this.#running) this.#take(this.#resampler.push(samples));
    return this.#running;
  }

  #take(samples) {
    for (const sample of samples) {
      const bounded = Math.max(-1, Math.min(1, sample));
      this.#peak = Math.max(this.#peak, Math.abs(bounded));
      this.#frame[this.#filled++] = Math.round(bounded * 32_767);
      if (this.#filled === FRAME_SAMPLES) this.#send();
    }
  }

  #send() {
    const samples = this.#frame.slice(0, this.#filled);
    this.port.postMessage({ samples, peak: this.#peak }, [samples.buffer]);
    this.#filled = 0;
    this.#peak = 0;
  }

  #finish() {
    if (!this.#running) return;
    this.#running = false;
    this.#take(this.#resampler.finish());
    if (this.#filled) this.#send();
    this.port.postMessage({ last: true });
  }
}

registerProcessor("pcm-frames", PcmFrames);
