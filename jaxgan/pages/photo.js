// The demo of a model that translates photos. Needs elements.js and engine.js.

const SMALL = 128; // images with a smaller longer side are shown without smoothing
const RUNTIME_NAMES = { wasm: "WebAssembly", webgpu: "WebGPU" };
const CAMERA_ERRORS = {
  NotAllowedError: "This page may not use the camera: allow it, or open a photo",
  NotFoundError: "There is no camera: open a photo instead",
};

const byId = (id) => document.getElementById(id);
const compare = byId("compare");
const slider = byId("slider");
const progress = byId("progress");
const [input, output] = ["input", "output"].map((id) =>
  byId(id).getContext("2d", { willReadFrequently: true }));
const file = byId("sources").querySelector("input");

const trained = Math.max(...settings.size);
const largest = Math.max(1024, trained); // memory and time grow with the size
const SIZES = {
  trained: [`as trained: ${trained} pixels`, () => trained],
  twice: [`twice as trained: ${2 * trained} pixels`, () => 2 * trained],
  own: [
    `of the image, up to ${largest} pixels`,
    ({ width, height }) => Math.min(Math.max(width, height), largest),
  ],
};
const generators = {}; // promises by direction: a model is loaded when it is first used

let model = settings.models[0]; // of the chosen direction
let image = null; // the chosen image, in its own size
let example = null; // the index of the chosen image, if it is an example
let wanted = null; // the newest request for a translation
let isOpening = false; // the camera

/** Shows the chosen image as the model sees it, and translates it. */
function update() {
  if (!image) return;
  const [, longest] = SIZES[byId("size").value];
  const scale = longest(image) / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((side) =>
    Math.max(settings.smallest, Math.round(side * scale)));
  Object.assign(input.canvas, { width, height });
  input.imageSmoothingQuality = "high";
  input.fillStyle = settings.background ?? "#ffffff"; // behind transparent pixels
  input.fillRect(0, 0, width, height);
  input.drawImage(image, 0, 0, width, height);
  const channels = model.input_channels;
  const tensor = toTensor(input.getImageData(0, 0, width, height), channels);
  input.putImageData(toImageData(tensor, width, height, channels), 0, 0);
  compare.style.setProperty("--ratio", width / height);
  compare.classList.toggle("pixels", Math.max(width, height) < SMALL);
  compare.hidden = false;
  byId("hint").hidden = true;
  wanted = { model, tensor, width, height };
  showRunning(true);
  translate(wanted);
}

function showRunning(isRunning) {
  compare.classList.toggle("running", isRunning);
  progress.classList.toggle("idle", !isRunning);
  byId("download").disabled = byId("back").disabled = isRunning;
}

/** Translates an image and shows the output, unless another image was chosen in the meantime. */
const translate = latest(async (request) => {
  const { model, tensor, width, height } = request;
  try {
    const generator = await openGenerator(model);
    const title = `${model.label}, ${width} × ${height} pixels`;
    showStatus(`${title}: translating…`);
    const result = await run(generator, tensor, [1, height, width, model.input_channels]);
    if (request !== wanted) return;
    Object.assign(output.canvas, { width, height });
    output.putImageData(toImageData(result.data, width, height, model.output_channels), 0, 0);
    showRunning(false);
    const seconds = (result.milliseconds / 1000).toPrecision(2);
    const notes = [`${seconds} s`, RUNTIME_NAMES[generator.provider], generator.note];
    showStatus(`${title}: ${notes.filter(Boolean).join(", ")}`);
  } catch (error) {
    if (request !== wanted) return;
    progress.classList.add("idle"); // the input stays, without an output
    showStatus("");
    showProblem(reason(error));
  }
});

function openGenerator({ direction, label, file }) {
  if (generators[direction]) return generators[direction];
  const onprogress = (part) => {
    progress.value = part;
    showStatus(`${label}: loading the model, ${Math.round(100 * part)} %`);
  };
  showStatus(`${label}: loading the model…`);
  generators[direction] = openModel(file, { onprogress });
  generators[direction].catch(() => { delete generators[direction]; }); // to try again
  return generators[direction];
}

/** Runs a generator, with progress estimated from the time of its last run. */
async function run(generator, tensor, dims) {
  const began = performance.now();
  const pixels = dims[1] * dims[2];
  progress.removeAttribute("value");
  const show = () => {
    progress.value = Math.min(0.98, (performance.now() - began) / (generator.speed * pixels));
  };
  const timer = generator.speed && setInterval(show, 200);
  try {
    const result = await generator.run(tensor, dims);
    generator.speed = result.milliseconds / pixels;
    return result;
  } finally {
    clearInterval(timer);
  }
}

/** Takes an image of the user. */
function take(taken) {
  image = taken;
  example = null;
  update();
}

/** Takes an example of the chosen direction. */
const takeExample = latest(async (index) => {
  const names = settings.examples[model.direction];
  showProblem("");
  try {
    const before = image;
    const opened = await readExample(names[index % names.length]);
    if (image !== before) return; // the user has taken an image in the meantime
    image = opened;
    example = index % names.length;
    update();
  } catch (error) {
    showProblem(reason(error));
  }
});

function nextExample() {
  takeExample(example === null ? 0 : example + 1);
}

function randomExample() {
  const others = Math.max(1, settings.examples[model.direction].length - 1);
  takeExample((example ?? 0) + 1 + Math.floor(Math.random() * others)); // never the same one
}

/** Chooses a direction. An example makes way for one of the images that the direction takes. */
function choose(direction) {
  model = settings.models.find((other) => other.direction === direction);
  document.querySelector(`input[value="${direction}"]`).checked = true;
  const count = settings.examples[direction]?.length ?? 0;
  byId("examples").hidden = !count;
  if (example !== null && count) takeExample(example);
  else update();
}

/** Takes the output as an image of the other direction. */
async function translateBack() {
  const { direction } = settings.models.find((other) => other !== model);
  image = await createImageBitmap(output.canvas);
  example = null;
  choose(direction);
}

function showDirections() {
  const switches = settings.models.map(({ direction, label }) => {
    const change = () => { showProblem(""); choose(direction); };
    const radio = { type: "radio", name: "direction", value: direction, onchange: change };
    return html("label", {}, html("input", radio), html("span", {}, label));
  });
  byId("directions").append(...switches);
  byId("directions").hidden = byId("back").hidden = settings.models.length < 2;
}

/** Moves the border between input and output, in percent of the width. */
function moveBorder(percent) {
  slider.value = percent;
  compare.style.setProperty("--at", `${percent}%`);
}

function point(event) {
  if (event.type === "pointerdown") compare.setPointerCapture(event.pointerId);
  else if (!compare.hasPointerCapture(event.pointerId)) return;
  const { left, width } = compare.getBoundingClientRect();
  moveBorder(Math.max(0, Math.min(100, (100 * (event.clientX - left)) / width)));
}

function showBoth() {
  const isBoth = compare.classList.toggle("both");
  byId("both").setAttribute("aria-pressed", isBoth);
  slider.parentElement.classList.toggle("unused", isBoth);
}

/** Opens the camera in the page, or the camera app of a phone. */
async function photograph() {
  showProblem("");
  if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices) {
    file.setAttribute("capture", "environment");
    file.click();
    return;
  }
  const finder = byId("finder");
  const video = finder.querySelector("video");
  if (isOpening) return; // a second stream would have no one to stop it
  isOpening = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    await video.play();
    finder.showModal();
  } catch (error) {
    showProblem(CAMERA_ERRORS[error.name] ?? `The camera does not work: ${reason(error)}`);
  } finally {
    isOpening = false;
  }
}

async function shoot() {
  const photo = await createImageBitmap(byId("finder").querySelector("video"));
  byId("finder").close();
  take(photo);
}

function stopCamera() {
  for (const track of byId("finder").querySelector("video").srcObject.getTracks()) track.stop();
}

const actions = {
  next: nextExample, random: randomExample, back: translateBack, both: showBoth,
  open: () => { file.removeAttribute("capture"); file.click(); },
  camera: photograph, shutter: shoot, cancel: () => byId("finder").close(),
  download: () => download(output.canvas, `${model.direction}.png`),
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
for (const [value, [text]] of Object.entries(SIZES)) {
  byId("size").append(html("option", { value }, text));
}
byId("size").addEventListener("change", () => { showProblem(""); update(); });
byId("finder").addEventListener("close", stopCamera);
slider.addEventListener("input", () => moveBorder(slider.value));
for (const type of ["pointerdown", "pointermove"]) compare.addEventListener(type, point);
acceptImages(document.body, take, file);
moveBorder(50);
showDirections();
choose(model.direction);
if (settings.examples[model.direction]?.length) takeExample(0);
else byId("hint").hidden = false;
