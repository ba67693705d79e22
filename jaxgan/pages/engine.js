// Runs a model of jaxgan in the browser, with onnxruntime-web in a worker.

const settings = readJson("data");

// The files of onnxruntime-web for each of its execution providers, next to the page.
const RUNTIMES = {
  wasm: { script: "ort.wasm.min.js", module: "ort-wasm-simd-threaded" },
  webgpu: { script: "ort.webgpu.min.js", module: "ort-wasm-simd-threaded.asyncify" },
};
const MOST_THREADS = 4; // more threads hardly help, and the rest of the machine keeps some cores
// The smallest module with a SIMD instruction (i8x16.popcnt), which not all browsers compile.
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
];

/** Shows one line about the state of the page. */
function showStatus(text) {
  document.getElementById("status").textContent = text;
}

/** Shows one line about what went wrong, or removes it if the text is empty. */
function showProblem(text) {
  const element = document.getElementById("problem");
  element.textContent = text;
  element.hidden = !text;
}

function reason(error) {
  return String(error?.message || error).split("\n")[0];
}

addEventListener("error", (event) => showProblem(reason(event.error || event.message)));
addEventListener("unhandledrejection", (event) => showProblem(reason(event.reason)));

/** Throws an error that says what this browser lacks. */
function checkBrowser() {
  if (!globalThis.WebAssembly || !WebAssembly.validate(Uint8Array.from(SIMD))) {
    throw Error("This browser does not support WebAssembly SIMD: update it, or use another one");
  }
  if (!globalThis.DecompressionStream || !globalThis.createImageBitmap) {
    throw Error("This browser is too old for this page: update it, or use another one");
  }
}

/**
 * Returns a file of the demo as a Uint8Array.
 *
 * The file is packed into the page (`PACKED`: gzip, in base64) or is next to it. `onprogress` is
 * called with the part that has arrived, from 0 to 1.
 */
async function asset(name, { onprogress } = {}) {
  const packed = window.PACKED?.[name];
  if (packed) {
    const bytes = new Blob([fromBase64(packed)]).stream();
    const unpacked = bytes.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  }
  if (location.protocol === "file:") {
    throw Error(
      "Browsers do not load files of a folder from disk: open demo.html, or run jaxgan demo with --serve",
    );
  }
  let response;
  try {
    response = await fetch(name);
  } catch {
    throw Error(`Could not load ${name}: the server does not answer`);
  }
  if (!response.ok) throw Error(`Could not load ${name}: the server answers ${response.status}`);
  const total = Number(response.headers.get("content-length"));
  const reader = response.body.getReader();
  const pieces = [];
  let size = 0;
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    pieces.push(piece.value);
    size += piece.value.length;
    if (total) onprogress?.(Math.min(1, size / total));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index);
  return bytes;
}

/**
 * Opens an ONNX file of the demo.
 *
 * Returns a model with its execution `provider` and `run(input, dims)`, which resolves to
 * `{data, dims, milliseconds}`. WebGPU is used where the first output agrees with that of
 * WebAssembly; `note` says so if it does not.
 */
async function openModel(file, { onprogress } = {}) {
  checkBrowser();
  const gpu = !window.PACKED && (await navigator.gpu?.requestAdapter().catch(() => null));
  let worker = await startWorker(file, gpu ? "webgpu" : "wasm", onprogress);
  const model = { provider: worker.provider, note: "" };
  model.run = async (input, dims) => {
    worker ??= await startWorker(file, model.provider);
    try {
      const result = await worker.call({ input, dims });
      model.provider = result.provider;
      model.note = result.note;
      return result;
    } catch (error) {
      worker.stop(); // a runtime that has failed cannot be used again
      worker = null;
      throw error;
    }
  };
  return model;
}

async function startWorker(file, provider, onprogress) {
  const { script, module } = RUNTIMES[provider];
  const names = [file, script, `${module}.mjs`, `${module}.wasm`];
  const parts = names.map(() => 0);
  const files = await Promise.all(
    names.map((name, index) =>
      asset(name, {
        onprogress: (part) => {
          parts[index] = part;
          onprogress?.((parts[0] + parts[3]) / 2); // the large ones
        },
      }),
    ),
  );
  const [bytes, runtime, loader, wasm] = files;
  const source = new Blob([runtime, `\n;(${inWorker})();`], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(source));
  const call = (message, transfer = []) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(Error(data.error)) : resolve(data));
      worker.onerror = (event) => {
        event.preventDefault();
        reject(Error(event.message));
      };
      worker.postMessage(message, transfer);
    });
  const threads = crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  const start = { bytes, wasm: wasm.buffer, loader, threads, provider };
  try {
    await call(start, [bytes.buffer, wasm.buffer]);
  } catch (error) {
    worker.terminate();
    throw Error(`The model cannot be opened in this browser: ${reason(error)}`);
  }
  const run = async (message) => {
    try {
      return await call(message);
    } catch (error) {
      throw Error(explain(reason(error)));
    }
  };
  return { provider, call: run, stop: () => worker.terminate() };
}

/** Returns a line for people about an error of the runtime. */
function explain(message) {
  if (/alloc|memory|abort|out of bounds|array length|buffer size/i.test(message)) {
    return "The image is too large for the memory of this browser: use a smaller one";
  }
  return `The model does not run in this browser: ${message}`;
}

/** The code of the worker, which starts with the runtime as the global `ort`. */
function inWorker() {
  let session, reference, name, note = "";

  const open = (bytes, provider) =>
    ort.InferenceSession.create(bytes, { executionProviders: [provider], logSeverityLevel: 3 });

  async function start({ bytes, wasm, loader, threads, provider }) {
    // A worker of a page from disk cannot import a URL that the page has created.
    const mjs = URL.createObjectURL(new Blob([loader], { type: "text/javascript" }));
    Object.assign(ort.env.wasm, { numThreads: threads, wasmBinary: wasm, wasmPaths: { mjs } });
    ort.env.logLevel = "error";
    reference = await open(bytes, "wasm");
    if (provider === "webgpu") {
      try {
        session = await open(bytes, "webgpu");
      } catch (error) {
        note = "WebGPU failed";
      }
    }
    choose(session || reference);
    return {};
  }

  function choose(chosen) {
    name = chosen === reference ? "wasm" : "webgpu";
    session = chosen;
  }

  /** Runs both, and keeps WebGPU if it agrees with WebAssembly to one gray level, and is faster. */
  async function compare(feeds) {
    const began = performance.now();
    const expected = (await reference.run(feeds)).output.data;
    const most = performance.now() - began;
    try {
      const found = (await session.run(feeds)).output.data;
      const again = performance.now(); // the first run also compiles
      await session.run(feeds);
      if (found.some((value, at) => !(Math.abs(value - expected[at]) <= 2 / 255))) {
        note = "WebGPU gives other images";
      } else if (performance.now() - again > most) {
        note = "WebGPU is slower";
      }
    } catch {
      note = "WebGPU failed";
    }
    if (note) {
      choose(reference);
    } else {
      await reference.release();
      reference = null;
    }
  }

  async function run({ input, dims }) {
    const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", input, dims) };
    if (name === "webgpu" && reference) await compare(feeds);
    const began = performance.now();
    const { output } = await session.run(feeds);
    const milliseconds = performance.now() - began;
    return { data: output.data, dims: [...output.dims], milliseconds, provider: name, note };
  }

  onmessage = async ({ data }) => {
    try {
      postMessage(await (data.bytes ? start(data) : run(data)));
    } catch (error) {
      postMessage({ error: String(error?.message || error).split("\n")[0] });
    }
  };
}

/**
 * Returns a function that runs an async task, one run at a time.
 *
 * If it was called during a run, the task runs once more, with the latest arguments.
 */
function latest(task) {
  let running = false;
  let waiting = null;
  return async (...args) => {
    waiting = args;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await task(...next);
      }
    } finally {
      running = false;
    }
  };
}

// x / 127.5 - 1 of all bytes, in float32 as in jaxgan.
const LEVELS = Float32Array.from({ length: 256 }, (_, x) => Math.fround(x / 127.5) - 1);

/** Returns the pixels of an ImageData in [-1, 1], as [height, width, channels]. */
function toTensor({ data }, channels) {
  const tensor = new Float32Array((data.length / 4) * channels);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    const [red, green, blue] = [data[from], data[from + 1], data[from + 2]];
    if (channels === 1) {
      const gray = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16; // as Pillow's "L"
      tensor[to++] = LEVELS[gray];
    } else {
      tensor[to++] = LEVELS[red];
      tensor[to++] = LEVELS[green];
      tensor[to++] = LEVELS[blue];
    }
  }
  return tensor;
}

/** Returns an image of a tensor in [-1, 1], [batch, height, width, channels], as ImageData. */
function toImageData(tensor, width, height, channels, offset = 0) {
  const image = new ImageData(width, height);
  const { data } = image; // clamped: rounds to the nearest integer, half to even, and clips
  for (let to = 0, from = offset; to < data.length; to += 4, from += channels) {
    for (let channel = 0; channel < 3; channel++) {
      data[to + channel] = (tensor[channels === 1 ? from : from + channel] + 1) * 127.5;
    }
    data[to + 3] = 255;
  }
  return image;
}

/** Returns an image file as ImageBitmap, with the colors that the file holds. */
async function readImage(blob) {
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    throw Error(`${blob.name || "This"} is not an image that this browser can read`);
  }
}

/** Returns an example of the demo as ImageBitmap. */
async function readExample(name) {
  return readImage(new Blob([await asset(name)], { type: "image/png" }));
}

/** Calls `onimage` with each image that is dropped on an element, pasted, or chosen in an input. */
function acceptImages(element, onimage, input = element.querySelector('input[type="file"]')) {
  const take = async (files) => {
    const file = [...(files || [])].find(({ type }) => type.startsWith("image/")) || files?.[0];
    if (!file) return;
    showProblem("");
    try {
      await onimage(await readImage(file));
    } catch (error) {
      showProblem(reason(error));
    }
  };
  input?.addEventListener("change", async () => {
    await take(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files));
}

/** Saves a canvas as a PNG file. */
function download(canvas, name) {
  canvas.toBlob((blob) => {
    const link = html("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}
