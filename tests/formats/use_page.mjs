// Opens a page of ours as a browser without a screen does, does what a reader does, and prints what stands there then.
// Steps are `search WORDS`, `group NAME`, `tick KIND`, `zoom TEXT`, `key NAME` and `show`; each `show` prints one object.
import fs from "node:fs";
import { JSDOM, VirtualConsole } from "jsdom";

const [file, ...steps] = process.argv.slice(2);
const faults = [];
const virtualConsole = new VirtualConsole();
virtualConsole.on("jsdomError", (error) => faults.push(String(error)));
const { window } = new JSDOM(fs.readFileSync(file, "utf8"), {
  runScripts: "dangerously",
  virtualConsole,
  beforeParse(window) {
    window.ResizeObserver = class { observe() { } };
    Object.defineProperty(window.HTMLElement.prototype, "clientWidth", { get: () => 1000 }); // jsdom lays nothing out
  },
});
const { document } = window;
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const send = (target, kind, Event = window.Event, more = {}) => target.dispatchEvent(new Event(kind, { bubbles: true, ...more }));
const boxes = () => all(".sd-box").map((box) => box.textContent);

const does = {
  search(words) { one(".sd-bar input[type=search]").value = words; send(one(".sd-bar input[type=search]"), "input"); },
  group(name) { one(".sd-bar select").value = name; send(one(".sd-bar select"), "change"); },
  tick(kind) { one(`.sd-bar input[value=${kind}]`).click(); },
  zoom(text) { send(all(".sd-box").find((box) => box.textContent === text), "click"); },
  back() { one(".sd-bar button").click(); },
  key(name) { send(one(".sd-graph"), "keydown", window.KeyboardEvent, { key: name }); },
  show() {
    const shown = {
      boxes: boxes(),
      widths: all(".sd-box").map((box) => box.style.width),
      hits: all(".sd-hit").map((box) => box.textContent),
      here: all(".sd-here").map((box) => box.textContent),
      words: one(".sd-words").textContent,
      kinds: all(".sd-bar input:checked").map((box) => box.value),
      group: one(".sd-bar select").value,
      table: all(".sd-top tr").map((row) => [...row.children].map((cell) => cell.textContent.trim())),
      faults,
    };
    console.log(JSON.stringify(shown));
  },
};
await new Promise((ready) => setTimeout(ready, 0));
for (const step of steps) {
  const [name, ...words] = step.split(" ");
  does[name](words.join(" "));
}
