"use strict";
(() => {
  const ROW = 20, LEAST_PX = 1.5, TOP = 20;
  const QUIET_CORES = 0.1; // what uses less than a tenth of a core is not slow for lack of CPU: its waiting is shown first
  const KINDS = { python: "cpu", native: "cpu", unseen: "cpu", ready: "want", gil: "want", call: "wait", await: "wait", idle: "idle" };
  const LABELS = [["cpu", "on CPU"], ["want", "wants CPU or GIL"], ["wait", "waiting"], ["idle", "idle"]];
  const GROUPS = [["route", "by route"], ["thread", "by thread"], ["task", "by task"], ["", "all together"]];

  const element = (tag, classes, text) => {
    const made = document.createElement(tag);
    if (classes) made.className = classes;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const time = (ms) => ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
  const share = (part, whole) => whole ? `${(100 * part / whole).toFixed(part / whole < .0995 ? 1 : 0)} %` : "0 %";
  const brief = (file) => file.replace(/^.*\/(?:(?:site|dist)-packages|python3\.\d+t?)\//, ""); // what is the same in every installation
  const sum = (list) => list.reduce((one, two) => one + two, 0);

  class Node {
    constructor(name, parent, file, whose, both = parent.both) {
      this.both = both; this.name = name; this.parent = parent; this.file = file; this.whose = whose;
      this.children = new Map(); this.value = 0; this.before = 0; this.own = 0;
      this.kinds = { cpu: 0, want: 0, wait: 0, idle: 0 }; this.lines = new Map(); this.depth = parent ? parent.depth + 1 : 0;
    }
    child(name, file = "", whose = 2) {
      const key = `${name}\n${file}`;
      if (!this.children.has(key)) this.children.set(key, new Node(name, this, file, whose));
      return this.children.get(key);
    }
    add(kind, after, before, line) {
      this.value += after; this.before += before; this.kinds[kind] += after + before;
      if (line) this.lines.set(line, (this.lines.get(line) || 0) + after + before);
    }
    get kind() { return LABELS.map(([kind]) => kind).reduce((best, kind) => this.kinds[kind] > this.kinds[best] ? kind : best, "cpu"); }
    get sorted() { return this.order ||= [...this.children.values()].sort((one, two) => two.width - one.width); }
    get width() { return this.both ? (this.value + this.before) / 2 : this.value; }
  }

  class Flame {
    constructor(host) {
      this.host = host;
      this.data = JSON.parse(host.querySelector("script").textContent);
      this.paths = this.unfold();
      this.shown = this.firstKinds();
      this.group = this.data.group ?? (this.data.rows.some((row) => row[1] >= 0) ? "route" : "thread");
      this.search = null;
      this.makeBar();
      this.words = host.appendChild(element("div", "sd-words"));
      this.words.setAttribute("aria-live", "polite");
      this.graph = host.appendChild(element("div", "sd-graph"));
      this.graph.tabIndex = 0;
      this.graph.setAttribute("role", "application");
      this.graph.setAttribute("aria-label", "Flame graph: arrow keys move, Enter zooms, Escape goes back");
      this.top = host.appendChild(element("div", "sd-top"));
      this.listen();
      this.build();
    }

    unfold() {
      const { nodes } = this.data, paths = [];
      for (let place = 0; place < nodes.length / 2; place++) {
        const parent = nodes[2 * place];
        paths.push(parent < 0 ? [nodes[2 * place + 1]] : [...paths[parent], nodes[2 * place + 1]]);
      }
      return paths;
    }

    kindOf(row) { return KINDS[this.data.states[row[3]][0]]; }

    firstKinds() {
      if (this.data.show.length) return new Set(this.data.show.map((state) => KINDS[state]));
      const ms = (kind) => sum(this.data.rows.filter((row) => this.kindOf(row) === kind).map((row) => row[6] + (row[7] || 0)));
      const runs = (ms("cpu") + ms("want")) / 1000 >= QUIET_CORES * this.data.seconds;
      return new Set(runs || !(ms("wait") + ms("idle")) ? ["cpu", "want"] : ms("wait") ? ["wait"] : ["idle"]);
    }

    makeBar() {
      const bar = this.host.appendChild(element("div", "sd-bar"));
      this.select = bar.appendChild(element("select"));
      this.select.setAttribute("aria-label", "What stands on top");
      for (const [value, label] of GROUPS) this.select.append(new Option(label, value, false, value === this.group));
      const totals = { cpu: 0, want: 0, wait: 0, idle: 0 };
      for (const row of this.data.rows) totals[this.kindOf(row)] += row[6];
      for (const [kind, label] of LABELS) {
        const field = bar.appendChild(element("label")), box = field.appendChild(element("input"));
        box.type = "checkbox"; box.checked = this.shown.has(kind); box.value = kind;
        field.title = `${label}: ${time(totals[kind])}`;
        field.append(element("i", `sd-chip sd-${kind}`), label);
        box.addEventListener("change", () => { box.checked ? this.shown.add(kind) : this.shown.delete(kind); this.build(); });
      }
      if (this.data.compares) {
        const legend = bar.appendChild(element("span", "sd-legend"));
        legend.append(element("i", "sd-chip sd-grown"), " has grown ", element("i", "sd-chip sd-shrunk"), " has shrunk");
      }
      this.field = bar.appendChild(element("input"));
      this.field.type = "search"; this.field.placeholder = "search function or file";
      this.field.setAttribute("aria-label", "Search; a regular expression works too");
      this.back = bar.appendChild(element("button", "", "whole graph"));
    }

    listen() {
      this.select.addEventListener("change", () => { this.group = this.select.value; this.build(); });
      this.field.addEventListener("input", () => { this.search = this.pattern(this.field.value); this.draw(); });
      this.back.addEventListener("click", () => this.zoom(this.root));
      this.graph.addEventListener("click", (event) => { const node = this.at(event); if (node) this.zoom(node); });
      this.graph.addEventListener("mousemove", (event) => { const node = this.at(event); if (node) this.tell(node); });
      this.graph.addEventListener("mouseleave", () => this.tell(this.here));
      this.graph.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => { if (this.drawnWidth !== this.graph.clientWidth) this.draw(); }).observe(this.graph);
    }

    at(event) { const box = event.target.closest(".sd-box"); return box && this.boxes.get(box); }

    pattern(words) {
      if (!words) return null;
      try { return new RegExp(words, "i"); } catch { return new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
    }

    build() {
      const root = new Node("all", null, "", 2, this.data.compares);
      this.self = new Map();
      for (const row of this.data.rows) {
        const kind = this.kindOf(row);
        if (this.shown.has(kind)) this.insert(root, row, kind);
      }
      this.root = this.here = this.zoomed = root;
      this.draw();
      this.rank();
    }

    heads(row) {
      const { names, lanes } = this.data, [lane, route, task] = row;
      const thread = `${lanes[lane][0]} ${lanes[lane][1]}`;
      if (this.group === "thread") return route >= 0 ? [thread, names[route]] : [thread];
      if (this.group === "task") return [task >= 0 ? `task ${names[task]}` : "no task"];
      if (this.group === "route") return [route >= 0 ? names[route] : "no route"];
      return [];
    }

    insert(root, row, kind) {
      const { names, frames } = this.data, after = row[6], before = this.data.compares ? row[7] : 0;
      let node = root;
      node.add(kind, after, before);
      for (const head of this.heads(row)) { node = node.child(head); node.add(kind, after, before); }
      const seen = new Set();
      for (const place of row[5] < 0 ? [] : this.paths[row[5]]) {
        const [name, file, line, whose] = frames[place];
        node = node.child(names[name], names[file], whose);
        node.add(kind, after, before, line);
        if (whose < 2) this.count(seen, node, after, before, 0, 0);
      }
      if (node.whose < 2) this.count(new Set(seen), node, 0, 0, after, before);
      if (row[4] >= 0) { node = node.child(`[${names[row[4]]}]`); node.add(kind, after, before); }
      node.own += after;
    }

    count(seen, node, total, totalBefore, own, ownBefore) {
      const key = `${node.name}\n${node.file}`, known = this.self.get(key) || { name: node.name, file: node.file, total: 0, totalBefore: 0, own: 0, ownBefore: 0 };
      this.self.set(key, known);
      known.own += own; known.ownBefore += ownBefore;
      if (seen.has(key)) return;
      seen.add(key);
      known.total += total; known.totalBefore += totalBefore;
    }

    zoom(node) { this.zoomed = this.here = node; this.draw(); this.graph.focus({ preventScroll: true }); }

    draw() {
      const wide = this.drawnWidth = this.graph.clientWidth, above = [];
      for (let node = this.zoomed; node; node = node.parent) above.unshift(node);
      this.boxes = new Map(); this.places = new Map(); this.deepest = 0;
      this.graph.replaceChildren();
      if (!this.root.width) {
        this.graph.style.height = "auto";
        this.graph.append(element("div", "sd-none", "Nothing of the chosen kinds was seen. Tick another one above."));
        return this.tell(this.root);
      }
      const held = document.createDocumentFragment();
      above.slice(0, -1).forEach((node) => held.append(this.box(node, 0, wide, "sd-above")));
      this.lay(held, this.zoomed, 0, wide);
      this.graph.append(held);
      this.graph.style.height = `${(this.deepest + 1) * ROW}px`;
      this.back.disabled = this.zoomed === this.root;
      this.tell(this.here);
    }

    lay(held, node, left, wide) {
      held.append(this.box(node, left, wide, ""));
      let start = left;
      for (const child of node.sorted) {
        const part = wide * child.width / node.width;
        if (part >= LEAST_PX) this.lay(held, child, start, part);
        start += part;
      }
    }

    box(node, left, wide, more) {
      const whose = node.whose === 1 ? " sd-lib" : node.whose === 2 ? " sd-mark" : "";
      const box = element("div", `sd-box sd-${node.kind}${whose} ${more}`, wide > 24 ? node.name : "");
      // in shares of the graph, not in pixels: on paper it has another width than in the window
      const share = (px) => `${(100 * px / (this.drawnWidth || 1)).toFixed(4)}%`;
      box.style.cssText = `left:${share(left)};width:${share(wide)};top:${node.depth * ROW}px`;
      if (node.both) this.compare(box, node);
      if (this.hits(node)) box.classList.add("sd-hit");
      if (node === this.here && node !== this.root) box.classList.add("sd-here");
      this.boxes.set(box, node); this.places.set(node, box);
      this.deepest = Math.max(this.deepest, node.depth);
      return box;
    }

    compare(box, node) {
      const change = (node.value - node.before) / (node.value + node.before || 1), much = Math.round(100 * Math.min(1, Math.abs(change)));
      box.style.background = `color-mix(in oklab, var(--sd-${change > 0 ? "more" : "less"}) ${much}%, var(--sd-same))`;
    }

    hits(node) { return this.search && (this.search.test(node.name) || this.search.test(node.file)); }

    found(node) { return this.hits(node) ? node.width : sum(node.sorted.map((child) => this.found(child))); }

    tell(node) {
      const whole = this.root, head = element("b", "", node.name), parts = [];
      if (node.file) parts.push(` ${node.file}${this.lines(node)}`);
      if (node.both) parts.push(` - before ${time(node.before)}, after ${time(node.value)} in each second`);
      else parts.push(` - ${time(node.value)}, ${share(node.value, whole.value)}`, node.own && node.own !== node.value ? `, ${time(node.own)} in itself` : "");
      const kinds = LABELS.filter(([kind]) => node.kinds[kind]).map(([kind, label]) => `${label} ${share(node.kinds[kind], sum(Object.values(node.kinds)))}`);
      if (kinds.length > 1) parts.push(` (${kinds.join(", ")})`);
      if (this.search) parts.push(`; search: ${share(this.found(this.zoomed), this.zoomed.width)} of what is shown`);
      this.words.replaceChildren(head, parts.join(""));
    }

    lines(node) {
      const lines = [...node.lines].sort((one, two) => two[1] - one[1]);
      if (!lines.length) return "";
      return lines.length === 1 ? `:${lines[0][0]}` : `, lines ${lines.slice(0, 3).map(([line, ms]) => `${line} (${share(ms, sum(lines.map((one) => one[1])))})`).join(", ")}`;
    }

    key(event) {
      const node = this.here, siblings = node.parent ? node.parent.sorted : [node], place = siblings.indexOf(node);
      const next = { ArrowUp: node.parent, ArrowDown: node.sorted[0], ArrowLeft: siblings[place - 1], ArrowRight: siblings[place + 1] }[event.key];
      if (next && this.places.has(next)) {
        this.places.get(node)?.classList.remove("sd-here");
        this.places.get(next).classList.add("sd-here");
        this.here = next; this.tell(next);
      } else if (event.key === "Enter") this.zoom(node);
      else if (event.key === "Escape") this.zoom(this.root);
      else if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
    }

    rank() {
      const weight = (one) => this.data.compares ? Math.abs(one.own - one.ownBefore) : one.own;
      const rows = [...this.self.values()].filter(weight).sort((one, two) => weight(two) - weight(one)).slice(0, TOP);
      this.top.replaceChildren();
      if (!rows.length) return;
      const table = this.top.appendChild(element("table", this.data.compares ? "sd-compares" : "")), head = table.appendChild(element("tr"));
      table.prepend(element("caption", "", this.data.compares ? "Functions that changed most, in each second" : "Functions by time in themselves"));
      const names = this.data.compares ? ["own before", "own after", "total before", "total after"] : ["own", "", "total", ""];
      [...names, "function"].forEach((name) => head.append(element("th", "", name)));
      for (const one of rows) {
        const row = table.appendChild(element("tr"));
        const cells = this.data.compares ? [one.ownBefore, one.own, one.totalBefore, one.total].map(time)
          : [time(one.own), share(one.own, this.root.value), time(one.total), share(one.total, this.root.value)];
        cells.forEach((cell) => row.append(element("td", "", cell)));
        const last = row.appendChild(element("td", "", `${one.name} `));
        last.append(element("small", "", brief(one.file)));
        last.title = one.file;
      }
    }
  }

  const start = () => document.querySelectorAll(".sd-flame").forEach((host) => new Flame(host));
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
})();
