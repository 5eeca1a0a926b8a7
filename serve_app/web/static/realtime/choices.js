/** What can be chosen before a session. */

import { listMicrophones } from "./microphone.js";
import { fetchLanguages, fetchModels, isOpen, savedKey } from "./service.js";
import { byId, fillSelect, showAlert } from "./view.js";

const PREFERRED_MODEL = "large-v3-turbo";

/** The devices there are, once they may be named. */
export async function showMicrophones() {
  const found = (await listMicrophones()).map(({ id, label }) => ({ value: id, label }));
  fillSelect(byId("device"), [{ value: "", label: "Default" }, ...found]);
}

/** The languages and models of the service; a model that is loaded is chosen. */
export async function showCatalogue() {
  try {
    const [languages, models] = await Promise.all([fetchLanguages(), fetchModels()]);
    const named = languages.map(({ code, name }) => ({ value: code, label: name }));
    fillSelect(byId("language"), [{ value: "auto", label: "Detect" }, ...named]);
    const available = models.filter((model) => model.available);
    const first = available.find(({ id }) => id === PREFERRED_MODEL) ?? available[0];
    const label = ({ name, available: isHere }) => (isHere ? name : `${name} (not loaded)`);
    fillSelect(byId("model"), models.map((model) => ({ value: model.id, label: label(model) })), first?.id);
  } catch {
    showAlert({ title: "The service cannot be reached", text: "Its languages did not come. Reload the page." });
  }
}

/** The field for a key, where the service has accounts. */
export async function showKeyField() {
  byId("key").value = savedKey();
  try {
    byId("key-field").hidden = await isOpen();
  } catch {
    byId("key-field").hidden = false;
  }
}
