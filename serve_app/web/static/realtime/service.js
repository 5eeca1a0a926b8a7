/** What the page asks the service before a session. Addresses are relative to the page. */

const KEY = "hark.key";

/** The API key of this tab; "" without one. */
export function savedKey() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage can be switched off
  }
}

export function saveKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // then it lasts as long as the page
  }
}

/** Return [{code, name}], by name. */
export async function fetchLanguages() {
  const { languages } = await fetchJson("v1/languages");
  return languages
    .map(({ code, name }) => ({ code, name: name.charAt(0).toUpperCase() + name.slice(1) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Return the models that transcribe, as [{id, name, available}]. */
export async function fetchModels() {
  const { models } = await fetchJson("v1/models");
  return models.filter(({ languages }) => languages > 0).map(({ id, name, available }) => ({ id, name, available }));
}

/** Tell whether callers without credentials are taken for an account's owner. */
export async function isOpen() {
  const response = await fetch("api/v1/account/", { cache: "no-store" });
  return response.ok;
}

export function streamUrl({ language, model, key }) {
  const url = new URL("v1/stream", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("language", language);
  if (model) url.searchParams.set("model", model);
  if (key) url.searchParams.set("token", key);
  return url;
}

async function fetchJson(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}
