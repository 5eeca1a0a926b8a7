/** What was said so far: lines of final words, and subtitles made of them. Times are seconds from the first start. */

const LINE_COLUMNS = 42;
const LONGEST_CUE_MS = 7_000;
const SHORTEST_CUE_MS = 1_000; // where there is room
const SPACELESS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u3000-\u303f\uff00-\uffef]/u;
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff00-\uff60]/gu;

export class Captions {
  #lines = [[]]; // of words {text, startS, endS, space}; the last one is open
  #session = []; // the words of the current session, which are in the lines too
  #offsetS = 0;

  /** A session begins; its time 0 is `offsetS`. */
  begin(offsetS) {
    this.endLine();
    this.#offsetS = offsetS;
    this.#session = [];
  }

  /** Take a message with words; return the line that it ended as {startS, text}, or null. */
  take({ text, words, speech_final: ended }) {
    const spaces = spacesIn(text, words.map(({ word }) => word));
    for (const [i, { word, start, end }] of words.entries()) {
      const before = this.#open.at(-1)?.text ?? "";
      const space = i > 0 && spaces ? spaces[i] : needsSpace(before, word);
      const spoken = { text: word, startS: this.#offsetS + start, endS: this.#offsetS + end, space };
      this.#open.push(spoken);
      this.#session.push(spoken);
    }
    return ended ? this.endLine() : null;
  }

  /** Take the whole text of the session: it knows where spaces stand between messages too. */
  settle(text) {
    const spaces = spacesIn(text, this.#session.map((word) => word.text));
    spaces?.forEach((space, i) => (this.#session[i].space = space));
  }

  /** End the open line and return it as {startS, text}; null when it has no words. */
  endLine() {
    const words = this.#open;
    if (!words.length) return null;
    this.#lines.push([]);
    return { startS: words[0].startS, text: join(words) };
  }

  /** The open line: {startS, text}; startS is null without words. */
  get current() {
    return { startS: this.#open[0]?.startS ?? null, text: join(this.#open) };
  }

  get isEmpty() {
    return this.#lines.every((words) => !words.length);
  }

  clear() {
    this.#lines = [[]];
    this.#session = [];
  }

  /** The text, one line for each utterance. */
  text() {
    return this.#lines.filter((words) => words.length).map((words) => `${join(words)}\n`).join("");
  }

  /** SubRip: at most two lines of 42 columns and 7 s a cue, in order, none overlapping. */
  srt() {
    return this.#lines
      .flatMap(cuesOf)
      .reduce(inOrder, [])
      .map(({ startMs, endMs, lines }, i) => `${i + 1}\n${clock(startMs)} --> ${clock(endMs)}\n${lines.join("\n")}\n`)
      .join("\n");
  }

  get #open() {
    return this.#lines.at(-1);
  }
}

/** Return for each word whether a space stands before it in the text; null if the text has other words. */
function spacesIn(text, words) {
  const spaces = [];
  let at = 0;
  for (const word of words) {
    const found = text.indexOf(word, at);
    if (found < 0 || text.slice(at, found).trim()) return null;
    spaces.push(found > at);
    at = found + word.length;
  }
  return spaces;
}

/** Tell whether scripts are those that put a space here. */
export function needsSpace(before, after) {
  return before !== "" && after !== "" && !(SPACELESS.test(before.at(-1)) || SPACELESS.test(after[0]));
}

function join(words) {
  return words.map(({ text, space }, i) => (space && i > 0 ? " " : "") + text).join("");
}

function columns(text) {
  return text.length + (text.match(WIDE)?.length ?? 0);
}

/** Return the text of the words in one line or two of about one length; null if they do not fit. */
function wrapped(words) {
  const whole = join(words);
  if (columns(whole) <= LINE_COLUMNS || words.length === 1) return [whole];
  let best = null;
  for (let i = 1; i < words.length; i++) {
    const lines = [join(words.slice(0, i)), join(words.slice(i))];
    const longest = Math.max(...lines.map(columns));
    if (longest <= LINE_COLUMNS && (best === null || longest < best.longest)) best = { lines, longest };
  }
  return best?.lines ?? null;
}

/** Cut a line into cues, behind a sentence or a comma if one is near. */
function cuesOf(words) {
  const cues = [];
  let rest = words;
  while (rest.length) {
    let n = 1;
    while (n < rest.length && lasts(rest.slice(0, n + 1)) <= LONGEST_CUE_MS && wrapped(rest.slice(0, n + 1))) n++;
    if (n < rest.length) n = pauseBefore(rest, n) ?? n;
    const shown = rest.slice(0, n);
    cues.push({ startMs: ms(shown[0].startS), endMs: ms(shown.at(-1).endS), lines: wrapped(shown) });
    rest = rest.slice(n);
  }
  return cues;
}

/** Return the last place in the later half of `n` words where a sentence or, failing that, a clause ends. */
function pauseBefore(words, n) {
  for (const mark of [/[.!?…。！？]["'”’)]*$/u, /[,;:،、，；：]$/u]) {
    for (let i = n; i > n / 2; i--) if (mark.test(words[i - 1].text)) return i;
  }
  return null;
}

function lasts(words) {
  return ms(words.at(-1).endS) - ms(words[0].startS);
}

/** Put a cue behind the others: the one before gives way, but is shown for a second if it can be. */
function inOrder(cues, { startMs, endMs, lines }) {
  const before = cues.at(-1);
  const from = Math.max(startMs, before ? before.startMs + 1 : 0);
  if (before) before.endMs = Math.min(Math.max(before.endMs, before.startMs + SHORTEST_CUE_MS), from);
  cues.push({ startMs: from, endMs: Math.min(Math.max(endMs, from + 1), from + LONGEST_CUE_MS), lines });
  return cues;
}

function ms(seconds) {
  return Math.round(seconds * 1000);
}

function clock(timeMs) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const s = timeMs / 1000;
  return `${two(s / 3600)}:${two((s / 60) % 60)}:${two(s % 60)},${String(timeMs % 1000).padStart(3, "0")}`;
}
