/** A microphone as frames of PCM, and what keeps one from being opened, in sentences. */

export const RATE_HZ = 16_000; // of the frames, as pcm-worklet.js makes them

const LAST_FRAME_MS = 1_000;

export class Microphone {
  #stream;
  #context;
  #node;
  #last;

  /**
   * Ask for permission and open a device ("" is the default one). `onFrame(samples, peak)` is called ten times a
   * second with an Int16Array and 0..1; `onGone()` once, if the device goes away. Throws what `explainFault` explains.
   */
  static async open({ deviceId, onFrame, onGone }) {
    if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) {
      throw new DOMException("no microphone for this page", window.isSecureContext ? "NoSupport" : "InsecureContext");
    }
    const microphone = new Microphone();
    // We play nothing that could echo, and cleaning speech for ears costs recognizers words.
    const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
    const device = deviceId ? { deviceId: { exact: deviceId } } : {};
    microphone.#stream = await navigator.mediaDevices.getUserMedia({ audio: { ...wanted, ...device } });
    try {
      await microphone.#listen(onFrame);
    } catch (fault) {
      await microphone.close();
      throw fault;
    }
    microphone.#stream.getAudioTracks()[0].addEventListener("ended", onGone);
    return microphone;
  }

  /** The id of the device that was opened. */
  get deviceId() {
    return this.#stream.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }

  /** Give the last frame and let the device go. */
  async close() {
    if (this.#node) {
      this.#node.port.postMessage("finish");
      await Promise.race([this.#last, new Promise((resolve) => setTimeout(resolve, LAST_FRAME_MS))]);
      this.#node.port.onmessage = null;
    }
    for (const track of this.#stream.getTracks()) track.stop();
    if (this.#context && this.#context.state !== "closed") await this.#context.close();
  }

  async #listen(onFrame) {
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL("pcm-worklet.js", import.meta.url));
    const options = { channelCount: 1, channelCountMode: "explicit", channelInterpretation: "speakers" };
    this.#node = new AudioWorkletNode(this.#context, "pcm-frames", options);
    this.#last = new Promise((resolve) => {
      this.#node.port.onmessage = ({ data }) => (data.last ? resolve() : onFrame(data.samples, data.peak));
    });
    // Only nodes on the way to the speakers are run everywhere; what this one puts out is silence.
    this.#context.createMediaStreamSource(this.#stream).connect(this.#node).connect(this.#context.destination);
    await this.#context.resume();
  }
}

/** Return the microphones as [{id, label}]; before permission was given they have no labels and are left out. */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices
    .filter(({ kind, deviceId, label }) => kind === "audioinput" && label && deviceId !== "default")
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}

const FAULTS = {
  NotAllowedError: [
    "The microphone is not allowed",
    "This page has no permission to use it. Allow the microphone in the browser's settings for this site (the icon" +
      " beside the address), then start again.",
  ],
  NotFoundError: ["No microphone was found", "Connect one, or switch it on, then start again."],
  OverconstrainedError: ["This microphone is not there any more", "Choose another one, or connect it again."],
  NotReadableError: [
    "The microphone cannot be read",
    "Another program may be using it, or the system keeps it from the browser. Close the other program, or look into" +
      " the system's privacy settings.",
  ],
  InsecureContext: [
    "The browser gives no microphone to this page",
    "Only pages that come over https, or from this machine (localhost), may use one. Open this page in that way.",
  ],
  NoSupport: ["This browser cannot read a microphone", "Use a current version of Chrome, Edge, Firefox or Safari."],
};
FAULTS.SecurityError = FAULTS.NotAllowedError;
FAULTS.AbortError = FAULTS.NotReadableError;

/** Return {title, text} for what `Microphone.open` throws. */
export function explainFault(fault) {
  const unknown = ["The microphone could not be opened", `The browser says: ${fault.message}`];
  const [title, text] = FAULTS[fault.name] ?? unknown;
  return { title, text };
}
