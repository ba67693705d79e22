// The demo of a model that generates images from latents. Needs elements.js and engine.js.

const WALK_SECONDS = 2; // from one image of a walk to the next
const NOISE = 0x9e3779b9; // seed of variations, which nobody types: its images would not vary

const byId = (id) => document.getElementById(id);
const [grid, position, strength] = ["grid", "position", "strength"].map(byId);
const walk = byId("walk").getContext("2d");
const { latent_dim: dimensions, output_channels: channels } = settings;
const [height, width] = settings.size;
const isNormal = settings.latent === "normal";
const isSmall = Math.max(height, width) < 128; // shown without smoothing

// Pictures are `{latents, image}`, a Float32Array and an ImageData.
let shown = []; // pictures of the grid
let centers = []; // pictures whose variations were chosen, one after the other
let stops = []; // pictures of the walk
let isPlaying = false;
let generator = null; // promise of the model
let queue = Promise.resolve(); // runs of the model, one after the other

/** Returns a function that draws uniform numbers in [0, 1): mulberry32, by Tommy Ettinger. */
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws latents of the model's distribution: as many as asked for, the first ones the same. */
function drawLatents(seed, count) {
  const draw = uniform(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  const value = isNormal ? normal : () => 2 * draw() - 1;
  return Array.from({ length: count }, () => Float32Array.from({ length: dimensions }, value));
}

/**
 * Returns latents and variations of them, from the latents themselves (strength 0) to unrelated
 * ones (strength 1). Variations of normal latents are normal too.
 */
function vary(latents, count, strength) {
  const keep = isNormal ? Math.sqrt(1 - strength ** 2) : 1 - strength;
  const mix = (noise) => noise.map((value, index) => keep * latents[index] + strength * value);
  return [latents, ...drawLatents(NOISE, count - 1).map(mix)];
}

const norm = (vector) => Math.hypot(...vector);

/** Returns latents between two: linear, rescaled to the interpolated norm. */
function interpolate(start, end, part) {
  const mix = (a, b) => (1 - part) * a + part * b;
  const straight = start.map((value, index) => mix(value, end[index]));
  const scale = mix(norm(start), norm(end)) / norm(straight);
  return straight.map((value) => value * scale);
}

/** Returns the latents at a position of the walk: stop 1 is at 1. */
function walkLatents(position) {
  const first = Math.min(Math.floor(position), stops.length - 2);
  return interpolate(stops[first].latents, stops[first + 1].latents, position - first);
}

/** Generates pictures of latents, in one run: resolves to `{pictures, milliseconds}`. */
function generate(latents) {
  const result = queue.then(() => run(latents));
  queue = result.catch(() => {});
  return result;
}

async function run(latents) {
  generator ??= openModel(settings.models[0].file, {
    onprogress: (part) => showStatus(`Loading the model, ${Math.round(100 * part)} %`),
  });
  try {
    const model = await generator;
    const input = new Float32Array(latents.length * dimensions);
    latents.forEach((vector, index) => input.set(vector, index * dimensions));
    const { data, milliseconds } = await model.run(input, [latents.length, dimensions]);
    const pictures = latents.map((vector, index) => {
      const offset = index * height * width * channels;
      return { latents: vector, image: toImageData(data, width, height, channels, offset) };
    });
    return { pictures, milliseconds };
  } catch (error) {
    generator = null; // to try again
    throw error;
  }
}

/** Returns a task that shows an error instead of throwing it. */
const reporting = (task) => latest(async () => {
  try {
    await task();
  } catch (error) {
    isPlaying = false;
    showStatus("");
    showProblem(reason(error));
  }
});

/** Generates the images of the seed, or variations of the chosen image, and shows them. */
const showGrid = reporting(async () => {
  const center = centers.at(-1);
  const count = Number(byId("count").value);
  const seed = Number(byId("seed").value) >>> 0;
  const latents = center
    ? vary(center.latents, count, Number(strength.value)) : drawLatents(seed, count);
  if (!shown.length) showStatus("Loading the model…");
  const { pictures, milliseconds } = await generate(latents);
  shown = pictures;
  byId("heading").textContent = center
    ? "Variations of the framed image"
    : `Seed ${seed}. Click an image to vary it.`;
  fillImages(grid, pictures, (index) =>
    center && !index ? "Varied image" : `Vary image ${index + 1}`);
  grid.firstChild.classList.toggle("chosen", Boolean(center));
  grid.style.setProperty("--columns", Math.sqrt(count));
  byId("seeds").classList.toggle("away", Boolean(center));
  byId("variation").classList.toggle("away", !center);
  showProblem("");
  showStatus(`${count} images in ${(milliseconds / 1000).toPrecision(2)} s`);
  byId("download-grid").disabled = byId("walking").inert = false;
  if (!stops.length) setStops(shown.slice(0, 4), 0);
});

/** Gives a list a number of buttons for images. Existing ones stay, and keep the focus. */
function setCount(list, count) {
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) {
    const canvas = html("canvas", { width, height, class: isSmall ? "pixels" : "" });
    list.append(html("button", { type: "button", class: "image" }, canvas));
  }
}

/** Shows pictures as buttons. */
function fillImages(list, pictures, label) {
  setCount(list, pictures.length);
  pictures.forEach(({ image }, index) => {
    const button = list.children[index];
    button.setAttribute("aria-label", label(index));
    button.firstChild.getContext("2d").putImageData(image, 0, 0);
  });
}

/** Shows the image at the position of the walk. */
const showWalk = reporting(async () => {
  const { pictures } = await generate([walkLatents(Number(position.value))]);
  walk.putImageData(pictures[0].image, 0, 0);
});

/** Sets the images of the walk, and the position to one of them. */
function setStops(pictures, index) {
  stops = pictures;
  position.max = stops.length - 1;
  byId("remove").disabled = stops.length < 3;
  fillImages(byId("stops"), stops, (index) => `Go to image ${index + 1} of the walk`);
  movePosition(index);
}

/** Plays the walk there and back, until it is paused. */
async function play() {
  isPlaying = !isPlaying;
  if (!isPlaying) return; // ends the loop below
  byId("play").textContent = "Pause";
  let before = performance.now();
  let [at, sign] = [Number(position.value), 1];
  while (isPlaying) {
    const now = await new Promise(requestAnimationFrame);
    if (Math.abs(at - position.value) > 0.02) at = Number(position.value); // moved by the user
    at += (sign * Math.max(0, now - before)) / 1000 / WALK_SECONDS;
    before = now;
    if (at <= 0 || at >= stops.length - 1) sign = at <= 0 ? 1 : -1;
    await movePosition(at);
  }
  byId("play").textContent = "Play";
}

/** Moves to a position of the walk, and frames the image that is next to it. */
function movePosition(at) {
  position.value = at;
  [...byId("stops").children].forEach((button, index) =>
    button.classList.toggle("chosen", index === nearestStop()));
  return showWalk();
}

const nearestStop = () => Math.round(Number(position.value));

/** Returns the index of the picture that was clicked, or -1. */
function clicked(event) {
  return [...event.currentTarget.children].indexOf(event.target.closest("button"));
}

function choose(index) {
  if (!shown[index] || shown[index] === centers.at(-1) || (centers.length && index === 0)) return;
  centers.push(shown[index]);
  showGrid();
}

/** Saves pictures in columns as one image. */
function save(pictures, columns, name) {
  const rows = Math.ceil(pictures.length / columns);
  const canvas = html("canvas", { width: columns * width, height: rows * height });
  const context = canvas.getContext("2d");
  pictures.forEach(({ image }, index) =>
    context.putImageData(image, (index % columns) * width, Math.floor(index / columns) * height));
  download(canvas, name);
}

const actions = {
  random: () => { byId("seed").value = Math.floor(Math.random() * 2 ** 32); showGrid(); },
  back: () => { centers.pop(); showGrid(); },
  add: () => { if (centers.length) setStops([...stops, centers.at(-1)], stops.length); },
  remove: () => setStops(stops.filter((_, index) => index !== nearestStop()), nearestStop()),
  play,
  download: () => { if (centers.length) save([centers.at(-1)], 1, "image.png"); },
  "download-grid": () => save(shown, Math.sqrt(shown.length), "images.png"),
  "download-walk": () => download(walk.canvas, "walk.png"),
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
byId("seed").addEventListener("input", showGrid);
byId("count").addEventListener("change", showGrid);
strength.addEventListener("input", showGrid);
position.addEventListener("input", () => movePosition(position.value));
grid.addEventListener("click", (event) => {
  if (event.detail < 2) choose(clicked(event)); // a double click chooses once
});
byId("stops").addEventListener("click", (event) => {
  if (stops[clicked(event)]) movePosition(clicked(event));
});
Object.assign(walk.canvas, { width, height });
walk.canvas.classList.toggle("pixels", isSmall);
document.body.style.setProperty("--ratio", width / height);
setCount(grid, Number(byId("count").value)); // the place of the images, until they are there
setCount(byId("stops"), 4);
showGrid();
