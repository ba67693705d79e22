// The demo of a pix2pix: one draws, and the picture follows. Needs elements.js, engine.js and
// raster.js.

const LIVE = 400; // milliseconds; slower models run when a stroke ends
const MOST_UNDO = 100; // drawings that are kept
const LONGEST = 4; // an image is at most this many times as long as it is wide
const TOOLS = { brush: "b", line: "l", rectangle: "r", fill: "f", eraser: "e" }; // and their keys
const PROVIDERS = { wasm: "WebAssembly", webgpu: "WebGPU" };

const find = (id) => document.getElementById(id);
const [drawing, picture, cursor] = ["drawing", "picture", "cursor"].map(find);
const context = drawing.getContext("2d", { willReadFrequently: true });
const { palette, background } = settings;
const [described] = settings.models;
const sketch = !palette || palette.length < 3; // lines are drawn, not regions
const examples = settings.examples[described.direction];

let model = null;
let cost = 0; // milliseconds of the last run
let tool = sketch ? "brush" : "rectangle";
let color = palette ? palette[Math.min(2, palette.length - 1)].color : "#000000";
let image = blank();
let [undone, done] = [[], []];
let stroke = null; // while one draws: first and last point, the image before, and the pointer
let example = 0;

function blank() {
  const [height, width] = settings.size;
  const made = new ImageData(width, height);
  packed(made).fill(pack(background));
  return made;
}

function copy(source) {
  return new ImageData(source.data.slice(), source.width, source.height);
}

/** Shows the drawing, and runs the model unless it is too slow to follow. */
function show(finished) {
  [drawing.width, drawing.height] = [image.width, image.height];
  context.putImageData(image, 0, 0);
  find("undo").disabled = !done.length;
  find("redo").disabled = !undone.length;
  if (model && (finished || cost < LIVE)) follow();
}

function follow() {
  document.body.classList.toggle("busy", cost >= LIVE);
  picture.setAttribute("aria-busy", "true");
  if (cost >= LIVE) showStatus("Making the picture");
  translate();
}

const translate = latest(async () => {
  const { width, height } = image;
  const input = toTensor(image, described.input_channels);
  try {
    const made = await model.run(input, [1, height, width, described.input_channels]);
    [picture.width, picture.height] = [width, height];
    const output = toImageData(made.data, width, height, described.output_channels);
    picture.getContext("2d").putImageData(output, 0, 0);
    cost = made.milliseconds;
    const note = model.note ? ` (${model.note})` : "";
    showStatus(`${Math.round(cost)} ms per picture, on ${PROVIDERS[model.provider]}${note}`);
    showProblem("");
    find("download").disabled = false;
  } catch (error) {
    showProblem(reason(error));
    showStatus("");
  }
  document.body.classList.remove("busy");
  picture.setAttribute("aria-busy", "false");
});

/** Replaces the drawing, which can be undone. */
function replace(next) {
  done.push(image);
  if (done.length > MOST_UNDO) done.shift();
  undone = [];
  image = next;
  show(true);
}

function step(from, to) {
  if (!from.length || stroke) return;
  to.push(image);
  image = from.pop();
  show(true);
}

function begin(point, pointer = null) {
  stroke = { first: point, last: point, before: image, pointer };
  image = copy(image);
  move(point);
}

function move(point) {
  const size = Number(find("size").value);
  const paint = pack(tool === "eraser" ? background : color);
  if (tool === "brush" || tool === "eraser") {
    drawLine(image, stroke.last, point, size, paint);
  } else if (tool === "fill") {
    if (stroke.first === point) fillRegion(image, point, paint);
  } else {
    image = copy(stroke.before);
    if (tool === "line") drawLine(image, stroke.first, point, size, paint);
    else drawRectangle(image, stroke.first, point, paint, sketch ? size : 0);
  }
  stroke.last = point;
  show(false);
}

function end() {
  const { before } = stroke;
  const after = image;
  stroke = null;
  image = before;
  replace(after);
}

function cancel() {
  image = stroke.before;
  stroke = null;
  show(true);
}

/** Returns the pixel under a pointer. */
function pixelAt({ clientX, clientY }) {
  const box = drawing.getBoundingClientRect();
  const scale = drawing.width / drawing.clientWidth;
  return {
    x: Math.floor((clientX - box.left - drawing.clientLeft) * scale),
    y: Math.floor((clientY - box.top - drawing.clientTop) * scale),
  };
}

/** Shows the outline of the brush around a pixel. */
function showCursor(point) {
  const scale = drawing.clientWidth / drawing.width;
  const round = tool === "brush" || tool === "eraser" || tool === "line";
  const size = round ? Number(find("size").value) : 1;
  cursor.hidden = false;
  cursor.style.width = cursor.style.height = `${size * scale}px`;
  cursor.style.left = `${(point.x + 0.5) * scale + drawing.clientLeft}px`;
  cursor.style.top = `${(point.y + 0.5) * scale + drawing.clientTop}px`;
}

/** Returns whether a pointer is the one that draws; other fingers do nothing. */
function draws({ pointerId }) {
  return stroke?.pointer === pointerId;
}

drawing.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || stroke) return;
  event.preventDefault();
  drawing.focus({ preventScroll: true });
  drawing.setPointerCapture(event.pointerId);
  begin(pixelAt(event), event.pointerId);
});
drawing.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse") showCursor(pixelAt(event));
  if (!draws(event)) return;
  const passed = event.getCoalescedEvents?.() ?? [];
  for (const point of passed.length ? passed : [event]) move(pixelAt(point));
});
drawing.addEventListener("pointerup", (event) => draws(event) && end());
drawing.addEventListener("pointercancel", (event) => draws(event) && cancel());
drawing.addEventListener("pointerleave", () => (cursor.hidden = true));

// With the keyboard, the arrows move the cursor, and the space bar starts and ends a stroke.
let keyboard = { x: image.width >> 1, y: image.height >> 1 };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
drawing.addEventListener("keydown", (event) => {
  const { key } = event;
  if (key in ARROWS) {
    const [right, down] = ARROWS[key].map((way) => way * (event.shiftKey ? 8 : 1));
    keyboard = {
      x: Math.max(0, Math.min(image.width - 1, keyboard.x + right)),
      y: Math.max(0, Math.min(image.height - 1, keyboard.y + down)),
    };
    if (stroke) move(keyboard);
  } else if (key === " " || key === "Enter") {
    if (stroke) end();
    else begin(keyboard);
  } else if (key === "Escape" && stroke) {
    cancel();
  } else {
    return;
  }
  event.preventDefault();
  showCursor(keyboard);
});
drawing.addEventListener("blur", () => {
  cursor.hidden = true;
  if (stroke) end();
});
addEventListener("keydown", (event) => {
  if (event.target.matches("input[type=color]") || event.altKey) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) step(undone, done);
    else step(done, undone);
    return;
  }
  const chosen = Object.keys(TOOLS).find((name) => TOOLS[name] === key);
  if (chosen && !stroke) chooseTool(chosen);
});

function chooseTool(name) {
  tool = name;
  press("tool", name);
}

function chooseColor(value) {
  color = value;
  press("palette", value);
  if (tool === "eraser") chooseTool(sketch ? "brush" : "rectangle");
}

function press(group, value) {
  for (const button of find(group).querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === value));
  }
}

function buildTools() {
  for (const [name, key] of Object.entries(TOOLS)) {
    const title = `${name} (${key.toUpperCase()})`;
    const attributes = { type: "button", value: name, title, onclick: () => chooseTool(name) };
    find("tool").append(html("button", attributes, name[0].toUpperCase() + name.slice(1)));
  }
  const swatches = palette || ["#000000", "#ffffff"].map((swatch) => ({ color: swatch }));
  for (const { color: value, name } of swatches) {
    const attributes = { type: "button", value, title: value, style: `--color: ${value}` };
    const button = html("button", { ...attributes, onclick: () => chooseColor(value) }, name || "");
    if (!name) button.setAttribute("aria-label", value);
    find("palette").append(button);
  }
  if (!palette) {
    const input = html("input", { type: "color", "aria-label": "Other color" });
    input.addEventListener("input", () => chooseColor(input.value));
    find("palette").append(input);
  }
  const size = find("size");
  const [height, width] = settings.size;
  size.max = Math.max(4, Math.round(Math.min(height, width) / 5));
  size.value = sketch ? 2 : Math.max(2, Math.round(Math.min(height, width) / 24));
  size.addEventListener("input", showSize);
  showSize();
  chooseColor(color);
  chooseTool(tool);
}

function showSize() {
  find("size-shown").textContent = `${find("size").value} px`;
}

/** Returns an image as ImageData whose shorter side is that of the training images. */
function fit(source) {
  const wanted = Math.min(...settings.size);
  const scale = wanted / Math.min(source.width, source.height);
  const [height, width] = [source.height, source.width].map((edge) =>
    Math.min(Math.round(edge * scale), LONGEST * wanted),
  );
  const canvas = html("canvas", { width, height });
  const drawn = canvas.getContext("2d");
  drawn.fillStyle = "#ffffff"; // transparent parts become white, as in jaxgan translate
  drawn.fillRect(0, 0, width, height);
  drawn.imageSmoothingEnabled = !palette; // it would make colors between two labels
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(source, 0, 0, width, height);
  return drawn.getImageData(0, 0, width, height);
}

async function showExample(index) {
  example = (index + examples.length) % examples.length;
  replace(fit(await readExample(examples[example])));
}

async function start() {
  buildTools();
  show(false);
  find("undo").onclick = () => step(done, undone);
  find("redo").onclick = () => step(undone, done);
  find("clear").onclick = () => replace(blank());
  find("download").onclick = () => download(picture, "picture.png");
  acceptImages(document.body, (opened) => replace(fit(opened)), find("file"));
  find("examples").hidden = !examples.length;
  find("previous").onclick = () => showExample(example - 1);
  find("next").onclick = () => showExample(example + 1);
  find("random").onclick = () =>
    showExample(example + 1 + Math.floor(Math.random() * (examples.length - 1)));
  checkBrowser();
  if (examples.length) {
    const first = fit(await readExample(examples[0]));
    if (!done.length) image = first; // nothing was drawn or pasted in the meantime
    show(false);
  }
  const loading = find("loading");
  model = await openModel(described.file, { onprogress: (part) => (loading.value = part) });
  loading.hidden = true;
  show(true);
}

start().catch((error) => {
  find("loading").hidden = true;
  showStatus("");
  showProblem(reason(error));
});
