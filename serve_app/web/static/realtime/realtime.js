/** The page of live captions: what its controls do, and in which order. */

import { Captions, needsSpace } from "./captions.js";
import { showCatalogue, showKeyField, showMicrophones } from "./choices.js";
import { Latency } from "./latency.js";
import { Microphone, explainFault } from "./microphone.js";
import { saveKey, streamUrl } from "./service.js";
import { Stream, explainEnd } from "./stream.js";
import { CaptionView, LevelView, byId, download, hideAlert, showAlert, showLatency, showStatus } from "./view.js";

const WAITING_S = 3; // sound that waits for the connection before it is said

const captions = new Captions();
const captionView = new CaptionView();
const levelView = new LevelView();
let latency = new Latency();

let phase = "idle"; // idle, checking, opening, listening, stopping
let microphone = null;
let attempt = 0; // to open it; only the last one counts
let stream = null;
let spokenS = 0; // sound of the sessions before
let isSlow = false;
let heard = ""; // what the status says while listening
let wakeLock = null;

function enter(next) {
  phase = next;
  const captioning = phase === "opening" || phase === "listening" || phase === "stopping";
  document.body.classList.toggle("captioning", captioning);
  byId("start").hidden = captioning;
  byId("stop").hidden = !captioning;
  byId("stop").disabled = phase === "stopping";
  byId("check").hidden = captioning;
  byId("check").setAttribute("aria-pressed", String(phase === "checking"));
  byId("check").textContent = phase === "checking" ? "End the check" : "Check microphone";
  byId("device").disabled = captioning;
  byId("model").disabled = captioning;
  byId("key").disabled = captioning;
  levelView.spoken = phase === "checking";
  byId("clear").disabled = captioning || captions.isEmpty;
  for (const id of ["copy", "srt", "txt"]) byId(id).disabled = captions.isEmpty;
}

/** Open the chosen microphone for this attempt; return whether the attempt still stands. */
async function openMicrophone(onFrame) {
  const mine = ++attempt;
  let opened;
  try {
    opened = await Microphone.open({ deviceId: byId("device").value, onFrame, onGone: lostMicrophone });
  } catch (fault) {
    if (mine === attempt) giveUp(explainFault(fault));
    return false;
  }
  if (mine !== attempt) {
    await opened.close(); // ended while the browser asked for permission
    return false;
  }
  microphone = opened;
  await showMicrophones(); // they have names from now on
  return mine === attempt;
}

function giveUp(explained) {
  showStatus("Not started.");
  leave();
  showAlert(explained);
}

async function closeMicrophone() {
  attempt++;
  const open = microphone;
  microphone = null;
  await open?.close();
  levelView.clear();
}

async function lostMicrophone() {
  if (phase === "checking") await endCheck();
  else if (phase !== "idle") await stop();
  showAlert({ title: "The microphone is gone", text: "It was unplugged or switched off. Choose one and start again." });
  await showMicrophones();
}

async function check() {
  if (phase === "checking") {
    await endCheck();
    return;
  }
  hideAlert();
  showStatus("Waiting for the microphone…");
  enter("checking");
  if (await openMicrophone((samples, peak) => levelView.show(peak))) {
    showStatus("Speak: the level shows what the microphone hears. Nothing is sent.");
  }
}

async function endCheck() {
  enter("idle");
  showStatus("Ready.");
  await closeMicrophone();
}

async function start() {
  const wasChecking = phase === "checking";
  hideAlert();
  enter("opening");
  if (wasChecking) await closeMicrophone();
  byId("stop").focus();
  showStatus("Waiting for the microphone…");
  const opened = await openMicrophone((samples, peak) => {
    levelView.show(peak);
    stream?.send(samples);
    warnOfWaiting();
  });
  if (!opened) return;
  showStatus("Connecting…");
  captions.begin(spokenS);
  latency = new Latency();
  showLatency(latency);
  const [language, model, key] = ["language", "model", "key"].map((id) => byId(id).value.trim());
  stream = new Stream(streamUrl({ language, model, key }), { onReady: listen, onMessage: take, onEnd: end });
  await keepScreenOn();
}

function listen({ model }) {
  const asked = byId("model").value;
  const other = asked && model && asked !== model ? ` ${model} answers: ${asked} is not loaded here.` : "";
  heard = `Listening.${other}`;
  isSlow = false;
  if (phase === "opening") {
    showStatus(heard);
    enter("listening");
  }
}

function take(message) {
  if (message.final) {
    captions.settle(message.text);
    return;
  }
  const line = captions.take(message);
  if (line) captionView.addLine(line);
  const { startS, text } = captions.current;
  const partial = message.partial ?? "";
  captionView.showCurrent({ startS, text, partial, gap: needsSpace(text, partial) });
  latency.take(message, stream.nowS);
  showLatency(latency);
  enter(phase);
}

function warnOfWaiting() {
  if (phase !== "listening") return;
  const slow = stream.waitingS > WAITING_S;
  if (slow !== isSlow) showStatus(slow ? "The connection is slow: captions are late." : heard);
  isSlow = slow;
}

async function stop() {
  if (phase !== "opening" && phase !== "listening") return;
  const open = stream;
  enter("stopping");
  showStatus("Writing down the last words…");
  await closeMicrophone(); // gives the last frame
  if (open) {
    open.stop();
  } else {
    showStatus("Ready.");
    leave();
  }
}

async function end(ending) {
  spokenS += stream.durationS;
  stream = null;
  const line = captions.endLine();
  if (line) captionView.addLine(line);
  captionView.showCurrent({ startS: null, text: "", partial: "", gap: false });
  const explained = explainEnd(ending);
  showStatus(explained ? "Not connected." : "Stopped.");
  leave();
  if (explained) {
    showAlert({ ...explained, canReconnect: true });
    if (explained.needsKey) byId("key-field").hidden = false;
    byId(explained.needsKey ? "key" : "reconnect").focus();
  }
  await closeMicrophone();
}

/** Be idle again, with the focus where it can go on. */
function leave() {
  const hadFocus = document.activeElement === byId("stop") || document.activeElement === document.body;
  wakeLock?.release();
  wakeLock = null;
  enter("idle");
  if (hadFocus) byId("start").focus();
}

/** A phone that goes dark stops its microphone. */
async function keepScreenOn() {
  try {
    wakeLock = await navigator.wakeLock?.request("screen");
    if (phase === "idle") wakeLock?.release(); // over meanwhile
  } catch {
    wakeLock = null; // refused, as when the battery is low
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(captions.text());
    showStatus("Copied.");
  } catch {
    showStatus("The browser does not allow copying here: download the text instead.");
  }
}

function save(extension) {
  const name = `captions-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${extension}`;
  if (extension === "srt") download(name, captions.srt(), "application/x-subrip");
  else download(name, captions.text(), "text/plain");
}

function clear() {
  captions.clear();
  captionView.clear();
  spokenS = 0;
  showLatency((latency = new Latency()));
  enter(phase);
}

byId("start").addEventListener("click", start);
byId("reconnect").addEventListener("click", start);
byId("settings").addEventListener("submit", (event) => {
  event.preventDefault(); // Enter in the field for the key
  if (phase === "idle") start();
});
byId("stop").addEventListener("click", stop);
byId("check").addEventListener("click", check);
byId("copy").addEventListener("click", copy);
byId("srt").addEventListener("click", () => save("srt"));
byId("txt").addEventListener("click", () => save("txt"));
byId("clear").addEventListener("click", clear);
byId("language").addEventListener("change", () => stream?.useLanguage(byId("language").value));
byId("key").addEventListener("change", () => saveKey(byId("key").value.trim()));
byId("device").addEventListener("change", async () => {
  if (phase === "checking") {
    await endCheck();
    await check();
  }
});
navigator.mediaDevices?.addEventListener?.("devicechange", showMicrophones);
window.addEventListener("beforeunload", (event) => {
  if (phase === "listening") event.preventDefault();
});

enter("idle");
await Promise.all([showCatalogue(), showKeyField(), showMicrophones()]);
