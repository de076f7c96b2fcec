"use strict";
// Reckons with what the page carries: sums over counts and coefficients, and nothing else. What is
// summed is found by eqchip itself (hw_reports/document/what_if.py), which these sums equal.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("what-if-data").textContent);
  const byName = new Map(data.coefficients.map((one) => [one.name, one]));
  const STATIC = "static_power.chip", FLOOR = "step_floor";
  const set = { values: {}, floor: data.floor, mapping: 0, samples: data.samples };
  for (const one of data.coefficients) set.values[one.name] = one.value * one.size;

  // --- sums ---
  const seconds = (m, c, floor) => {
    let found = m.rest.time;
    for (const [name, count] of Object.entries(m.time)) found += count * c[name];
    for (const phase of m.steps) {
      phase.counts.forEach((counts, k) => {
        let lasting = 0;
        counts.forEach((count, j) => { lasting += count * c[phase.columns[j]]; });
        found += phase.often[k] * Math.max(floor - lasting, 0);
      });
    }
    return found;
  };
  const parts = (m, c, time) => {
    const found = [];
    for (const [name, count] of Object.entries(m.energy)) found.push([name, count * c[name]]);
    for (const [name, times] of Object.entries(m.powers)) found.push([name, times * c[name] * time]);
    return found;
  };
  const total = (m, c, floor) => {
    const time = seconds(m, c, floor);
    const listed = parts(m, c, time);
    return { time, listed, energy: listed.reduce((sum, one) => sum + one[1], m.rest.energy) };
  };

  // --- figures as the rest of the page writes them ---
  const PREFIXES = { "12": "T", "9": "G", "6": "M", "3": "k", "0": "", "-3": "m", "-6": "µ",
    "-9": "n", "-12": "p", "-15": "f" };
  const scale = (value, unit) => {
    const size = Math.abs(value);
    if (unit === "s" && size >= 1) {
      for (const [name, long] of [["d", 86400], ["h", 3600], ["min", 60]]) {
        if (size >= 2 * long) return [long, name];
      }
      return [1, "s"];
    }
    if (!(size > 0 && size < Infinity)) return [1, unit];
    const tens = Math.floor(Math.log10(Number(size.toPrecision(3))) / 3 + 1e-9) * 3;
    const held = Math.min(Math.max(tens, -15), 12);
    return [Number(`1e${held}`), PREFIXES[held] + unit];
  };
  const digits = (value) => {
    if (value === 0 || !Number.isFinite(value)) return String(value);
    const tens = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))) + 1e-9);
    const [whole, rest] = value.toFixed(Math.max(2 - tens, 0)).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return rest === undefined ? grouped : `${grouped}.${rest}`;
  };
  const amount = (value, unit) => {
    const [size, name] = scale(value, unit);
    return `${digits(value / size)} ${name}`;
  };
  const percent = (share) =>
    share > 0 && share < 0.005 ? "< 1 %" : `${(100 * share).toFixed(0)} %`;
  const least = (what, text) => (data.lower[what] ? `≥ ${text}` : text);

  // --- what is shown ---
  const cell = (tag, text, name) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const bar = (left, width) => {
    const made = cell("span", "", "bar");
    const inner = document.createElement("i");
    inner.style.left = `${left}%`;
    inner.style.width = `${width}%`;
    made.append(inner);
    made.setAttribute("aria-hidden", "true");
    return made;
  };
  const row = (label, drawn, text) => {
    const made = document.createElement("li");
    made.append(cell("span", label), drawn, cell("span", text, "num"));
    return made;
  };
  const label = (name) => data.labels[name] || name;
  const shares = (found) => {
    const rows = found.listed.filter((one) => one[1] > 0).sort((a, b) => b[1] - a[1]);
    $("w-shares").replaceChildren(...rows.slice(0, 6).map(([name, joules]) => {
      const share = joules / found.energy;
      return row(label(name), bar(0, 100 * share), `${percent(share)}, ${amount(joules, "J")}`);
    }));
  };
  const tornado = (m, c) => {
    const rows = [];
    for (const one of data.coefficients) {
      // A figure set by hand has no band, as in the chip file that can be copied out.
      if (one.low === one.high || c[one.name] !== one.value * one.size) continue;
      const ends = [one.low, one.high].map((end) =>
        total(m, { ...c, [one.name]: end * one.size }, set.floor).energy);
      if (ends[0] !== ends[1]) rows.push([one.name, Math.min(...ends), Math.max(...ends)]);
    }
    rows.sort((a, b) => (b[2] - b[1]) - (a[2] - a[1]));
    const shown = rows.slice(0, 6);
    const low = Math.min(...shown.map((one) => one[1]));
    const room = Math.max(...shown.map((one) => one[2])) - low || 1;
    $("w-moves").replaceChildren(...shown.map(([name, from, to]) => {
      const [size, unit] = scale(to, "J");
      return row(label(name), bar(100 * (from - low) / room, 100 * (to - from) / room),
        `${digits(from / size)} to ${digits(to / size)} ${unit}`);
    }));
  };
  const against = (m, c, found) => {
    const drawn = m.powers[STATIC] * found.time;
    const rest = found.energy - drawn * c[STATIC];
    $("w-against").replaceChildren(...data.others.map((other) => {
      const made = document.createElement("tr");
      if (other.seconds) {
        const alone = cell("th", other.title);
        alone.scope = "row";
        made.append(alone, cell("td", amount(other.seconds, "s"), "num"),
          cell("td", amount(other.seconds * set.samples, "s"), "num"),
          cell("td", `× ${digits(found.time / other.seconds)} in time`, "num"),
          cell("td", `if it draws ${amount(found.energy / other.seconds, "W")}`, "num"));
        return made;
      }
      const sign = other.lower ? "≥ " : "";
      let even = "never: the events alone cost more";
      if (!(drawn > 0)) even = "–";
      else if (found.energy <= other.energy) even = "now";
      else if (other.energy > rest) even = `static power below ${amount((other.energy - rest) / drawn, "W")}`;
      const head = cell("th", other.title);
      head.scope = "row";
      made.append(head, cell("td", `${sign}${amount(other.energy, "J")}`, "num"),
        cell("td", `${sign}${amount(other.energy * set.samples, "J")}`, "num"),
        cell("td", `× ${digits(found.energy / other.energy)}`, "num"), cell("td", even, "num"));
      return made;
    }));
  };
  const file = (c) => {
    const lines = ['format = "eqchip-chip 1"', `base = ${JSON.stringify(data.base)}`,
      `name = "${data.chip}-what-if"`, 'source = "set by hand on the page of a report"',
      'status = "assumed"', 'confidence = "C"'];
    for (const one of data.coefficients) {
      const value = c[one.name] / one.size;
      if (c[one.name] === one.value * one.size || one.name.startsWith("barrier.")) continue;
      lines.push("", `[${one.name}]`, `value = ${Number(value.toPrecision(12))}`);
    }
    if (set.floor !== data.floor) {
      lines.push("", `[${FLOOR}]`, `value = ${Number((set.floor * 1e9).toPrecision(12))}`,
        'unit = "ns"');
    }
    $("w-file").value = `${lines.join("\n")}\n`;
  };
  const show = () => {
    const m = data.mappings[set.mapping], c = set.values;
    const found = total(m, c, set.floor);
    $("w-energy").textContent = least("energy", amount(found.energy, "J"));
    $("w-time").textContent = least("time", amount(found.time, "s"));
    $("w-power").textContent = amount(found.energy / found.time, "W");
    $("w-whole-energy").textContent = least("energy", amount(found.energy * set.samples, "J"));
    $("w-whole-time").textContent = least("time", amount(found.time * set.samples, "s"));
    shares(found);
    tornado(m, c);
    against(m, c, found);
    file(c);
  };

  // --- sliders, each with its box ---
  const knobs = [];
  const knob = (name, toBox, fromBox, toSlide, fromSlide, unit, use) => {
    const slide = $(`r-${name}`), box = $(`k-${name}`);
    if (!slide) return;
    const start = toBox();
    const settle = (value, from) => {
      use(value);
      if (from !== box) box.value = toBox();
      if (from !== slide) slide.value = toSlide();
      slide.setAttribute("aria-valuetext", `${toBox()} ${unit}`.trim());
      show();
    };
    slide.addEventListener("input", () => settle(fromSlide(Number(slide.value)), slide));
    box.addEventListener("input", () => {
      const value = Number(box.value);
      if (box.value !== "" && Number.isFinite(value) && value >= 0) settle(fromBox(value), box);
    });
    box.addEventListener("change", () => { box.value = toBox(); });
    knobs.push(() => settle(fromBox(Number(start)), null));
    slide.setAttribute("aria-valuetext", `${start} ${unit}`.trim());
  };
  const plain = (value) => String(Number(value.toPrecision(6)));
  for (const one of data.coefficients) {
    const linear = one.value === 0;
    const nominal = one.value * one.size;
    knob(one.name,
      () => (set.values[one.name] === nominal ? String(one.value)
        : plain(set.values[one.name] / one.size)),
      (value) => value * one.size,
      () => (linear ? set.values[one.name] / one.size
        : Math.max(Math.log10(set.values[one.name] / nominal), -9)),
      (x) => (linear ? x * one.size : x === 0 ? nominal : nominal * 10 ** x),
      one.unit, (value) => { set.values[one.name] = value; });
  }
  const NS = 1e-9;
  knob(FLOOR, () => plain(set.floor / NS), (value) => value * NS, () => set.floor / NS,
    (x) => x * NS, "ns", (value) => { set.floor = value; });
  const nearest = (cores) => data.mappings.reduce((best, m, k) =>
    Math.abs(m.cores - cores) < Math.abs(data.mappings[best].cores - cores) ? k : best, 0);
  knob("cores", () => String(data.mappings[set.mapping].cores), nearest, () => set.mapping,
    (x) => x, "cores", (value) => { set.mapping = value; });
  knob("samples", () => String(set.samples), (value) => Math.max(Math.round(value), 1),
    () => Math.log10(set.samples), (x) => Math.max(Math.round(10 ** x), 1), "samples",
    (value) => { set.samples = value; });
  $("w-reset").addEventListener("click", () => { for (const back of knobs) back(); });
  $("w-copy").addEventListener("click", () => {
    $("w-file").select();
    if (navigator.clipboard) navigator.clipboard.writeText($("w-file").value).catch(() => {});
    else document.execCommand("copy");
    $("w-copied").textContent = "copied";
  });
  $("what-if-live").hidden = false;
  $("what-if-still").hidden = true;
  show();
})();
