/** What the page shows: captions, level, notices. Text goes in as text, never as markup. */

const SILENT_DB = -70;
const QUIET_DB = -42;
const LOUD_DB = -0.3;
const LEVEL_FLOOR_DB = -60;
const LEVEL_FRAMES = 25; // 2.5 s: what the note beside the meter is about
const NEAR_END_PX = 60;

export const byId = (id) => document.getElementById(id);

/** The list of captions: finished lines, and one that grows. */
export class CaptionView {
  #box = byId("captions");
  #log = byId("log");
  #current = byId("current");

  /** Show the open line; `partial` is grey. `gap` tells whether a space belongs between the two. */
  showCurrent({ startS, text, partial, gap }) {
    this.#keepingEndInView(() => {
      const [time, final, grey] = this.#current.children;
      time.textContent = startS === null ? "" : minutes(startS);
      final.textContent = text + (gap ? " " : "");
      grey.textContent = partial;
      this.#current.hidden = !text && !partial;
      if (partial) byId("empty").hidden = true;
    });
  }

  /** Add a line that does not change any more; screen readers say it. */
  addLine({ startS, text }) {
    this.#keepingEndInView(() => {
      byId("empty").hidden = true;
      const line = document.createElement("p");
      line.className = "line";
      const time = document.createElement("time");
      time.textContent = minutes(startS);
      const words = document.createElement("span");
      words.className = "final";
      words.textContent = text;
      line.append(time, " ", words);
      this.#log.append(line);
    });
  }

  clear() {
    this.#log.replaceChildren();
    byId("empty").hidden = false;
  }

  /** Follow the words, unless the reader has scrolled back. */
  #keepingEndInView(change) {
    const box = this.#box;
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
    change();
    if (follows) box.scrollTop = box.scrollHeight;
  }
}

/** The meter and, beside it, what it means. */
export class LevelView {
  #meter = byId("level");
  #note = byId("level-note");
  #recent = [];

  show(peak) {
    const db = 20 * Math.log10(Math.max(peak, 1e-5));
    this.#meter.value = Math.max(0, 1 - db / LEVEL_FLOOR_DB);
    this.#recent.push(db);
    if (this.#recent.length > LEVEL_FRAMES) this.#recent.shift();
    if (this.#recent.length >= LEVEL_FRAMES / 2) this.#say(levelNote(Math.max(...this.#recent)));
  }

  clear() {
    this.#meter.value = 0;
    this.#recent = [];
    this.#say("");
  }

  /** Whether screen readers say it: they should not talk into captions. */
  set spoken(yes) {
    this.#note.setAttribute("aria-live", yes ? "polite" : "off");
  }

  #say(text) {
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }
}

function levelNote(db) {
  if (db < SILENT_DB) return "No sound at all: is the microphone muted?";
  if (db < QUIET_DB) return "Quiet: speak, or come closer.";
  return db > LOUD_DB ? "Too loud: it is cut off." : "The level is good.";
}

/** Show a fault; it stays until the next attempt. */
export function showAlert({ title, text, canReconnect = false }) {
  byId("alert-title").textContent = title;
  byId("alert-text").textContent = text;
  byId("reconnect").hidden = !canReconnect;
  byId("alert").hidden = false;
}

export function hideAlert() {
  byId("alert").hidden = true;
}

export function showStatus(text) {
  const status = byId("status");
  if (status.textContent !== text) status.textContent = text;
}

export function showLatency({ seenS, finalS }) {
  const parts = [];
  if (seenS !== null) parts.push(`seen after ${seenS.toFixed(1)} s`);
  if (finalS !== null) parts.push(`final after ${finalS.toFixed(1)} s`);
  byId("latency").textContent = parts.length ? `Words are ${parts.join(", ")}` : "";
  byId("latency").hidden = !parts.length;
}

/** Fill a list, keeping what is chosen if it is still there. */
export function fillSelect(select, options, chosen = select.value) {
  select.replaceChildren(...options.map(({ value, label }) => new Option(label, value)));
  if (options.some(({ value }) => value === chosen)) select.value = chosen;
}

/** Offer a text as a file. */
export function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function minutes(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
