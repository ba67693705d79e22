// The page of a run. Needs elements.js, viewer.js and charts.js.

const data = readJson("data");

/** Returns an image of a sample, cut out of its picture. */
function cut({ step, file, layout }, row, column) {
  const { size, columns, boxes } = data.layouts[layout];
  const [x, y, width, height] = boxes[row][column];
  const viewBox = `${x} ${y} ${width} ${height}`;
  const image = svg("image", { href: file, width: size[0], height: size[1] });
  const inside = svg("svg", { x, y, width, height, viewBox }, image); // hides all other images
  const label = `${columns[column]} of image ${row + 1} at step ${step}`;
  const attributes = { viewBox, role: "img", "aria-label": label };
  return svg("svg", { ...attributes, class: width < 128 ? "pixels" : "" }, inside);
}

/** Returns the images that `enlarge` shows for a list of [sample, row, column]. */
function enlargeable(cells) {
  return cells.map(([sample, row, column]) => () => ({
    caption: `Image ${row + 1}, step ${sample.step}`,
    pictures: [[data.layouts[sample.layout].columns[column], cut(sample, row, column)]],
    link: sample.file,
  }));
}

function imageButton(image, open) {
  return html("button", { type: "button", class: "image", onclick: open }, image);
}

/** Returns a table of all images of a sample, or its picture where these are not known. */
function table(sample) {
  const { step, file, layout } = sample;
  if (layout === null) {
    const image = () => html("img", { src: file, alt: `Samples at step ${step}` });
    const pictures = () => [["all images", image()]];
    const item = () => ({ caption: `Step ${step}`, pictures: pictures(), link: file });
    return imageButton(image(), () => enlarge([item], 0));
  }
  const { columns, boxes } = data.layouts[layout];
  const cells = boxes.flatMap((_, row) => columns.map((_, column) => [sample, row, column]));
  const items = enlargeable(cells);
  const cell = (row, column) => {
    const open = () => enlarge(items, row * columns.length + column);
    return html("td", {}, imageButton(cut(sample, row, column), open));
  };
  const headings = columns.map((name) => html("th", { scope: "col" }, name));
  const rows = boxes.map((_, row) =>
    html("tr", {}, ...columns.map((_, column) => cell(row, column))));
  return html("table", { class: "cells" },
    html("thead", {}, html("tr", {}, ...headings)), html("tbody", {}, ...rows));
}

/** Shows all images of the step that a slider selects. */
function showSteps(section) {
  const { samples } = data;
  const last = samples.length - 1;
  const grid = html("div", { class: "scroll" });
  const step = html("output");
  const slider = html("input", { type: "range", min: 0, max: last, value: last, oninput: update });
  const button = (text, label, by) => html("button", {
    type: "button", "aria-label": label,
    onclick: () => { slider.value = Number(slider.value) + by; update(); },
  }, text);
  function update() {
    const sample = samples[slider.value];
    step.textContent = sample.step;
    slider.setAttribute("aria-valuetext", `step ${sample.step}`);
    grid.replaceChildren(table(sample));
  }
  const label = html("label", { class: "time" }, "Step ", step, slider);
  const bar = html("div", { class: "bar" },
    button("←", "Earlier step", -1), label, button("→", "Later step", 1));
  section.append(bar, grid);
  update();
}

/** Shows one image of every step. */
function showOverTime(section) {
  const known = data.samples.filter((sample) => sample.layout !== null);
  if (known.length < 2) return;
  const { columns, boxes } = data.layouts[known.at(-1).layout];
  const choice = (names, chosen) => html("select", { onchange: update },
    ...names.map((name, index) =>
      html("option", { value: index, ...(index === chosen && { selected: "" }) }, name)));
  const rows = choice(boxes.map((_, row) => `${row + 1}`), 0);
  const names = choice(columns, Math.min(1, columns.length - 1)); // inputs come first
  const list = html("ol", { class: "steps" });
  function update() {
    const [row, column] = [Number(rows.value), Number(names.value)];
    const having = known.filter(({ layout }) => data.layouts[layout].boxes[row]?.[column]);
    const items = enlargeable(having.map((sample) => [sample, row, column]));
    list.replaceChildren(...having.map((sample, index) => {
      const image = imageButton(cut(sample, row, column), () => enlarge(items, index));
      const caption = html("figcaption", {}, `step ${sample.step}`);
      return html("li", {}, html("figure", {}, image, caption));
    }));
  }
  const bar = html("div", { class: "bar" },
    html("label", {}, "Column ", names), html("label", {}, "Image ", rows));
  section.append(html("h3", {}, "One image over time"), bar, list);
  update();
}

function showSamples(section) {
  if (!data.samples.length) section.append(html("p", {}, "There are no samples yet."));
  else {
    showSteps(section);
    showOverTime(section);
  }
}

function showMetrics(section) {
  if (!data.groups.length) {
    section.append(html("p", {}, "Nothing was logged yet."));
    return;
  }
  const charts = [];
  const share = html("output");
  const slider = html("input", { type: "range", min: 0, max: 30, value: 5, oninput: update });
  function update() {
    share.textContent = `${slider.value} %`;
    for (const chart of charts) {
      chart.share = slider.value / 100;
      chart.draw();
    }
  }
  section.append(
    html("p", { class: "faint" },
      "Drag across a chart to zoom, or focus it and press the arrow keys, + and −. ",
      "Click a name to hide its curve."),
    html("label", { class: "bar" }, "Smoothing ", slider, share));
  for (const { title, reading, units } of data.groups) {
    const made = units.map(({ unit, curves }) => new Chart(unit,
      curves.map(({ name, axis, values }) => ({ name, steps: data.axes[axis], values }))));
    charts.push(...made);
    const nodes = made.map((chart) => chart.node);
    section.append(html("section", {}, html("h3", {}, title),
      html("p", { class: "faint" }, reading), html("div", { class: "charts" }, ...nodes)));
  }
  update();
}

/** Adds how long ago the page was written. */
function showAge(time) {
  const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
  const [unit, length] = [["day", 86400], ["hour", 3600], ["minute", 60]]
    .find(([, length]) => seconds >= length) ?? ["second", 1];
  const format = new Intl.RelativeTimeFormat("en");
  time.after(` (${format.format(-Math.floor(seconds / length), unit)})`);
}

async function copy(event) {
  const code = event.currentTarget.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    event.target.textContent = "Copied";
  } catch { // not allowed: the user can
    getSelection().selectAllChildren(code);
    event.target.textContent = "Press Ctrl+C";
  }
}

document.querySelectorAll("#written").forEach(showAge);
document.querySelectorAll(".command button").forEach((button) =>
  button.addEventListener("click", copy));
showSamples(document.getElementById("samples"));
showMetrics(document.getElementById("metrics"));
