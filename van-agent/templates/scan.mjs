// Reads a slip's QR with the laptop's camera, live: by the browser where it can, by this laptop's program otherwise.
// Without this file, or without a camera, a slip is typed, scanned with a scanner, or photographed.

const WIDTH_WANTED = 1280;
const QUALITY = 0.8;
const PAUSE_MS = 250;

const wait = (milliseconds) => new Promise((settle) => setTimeout(settle, milliseconds));

/** What reads a picture: the text of the slip in it, or nothing. */
async function reader(csrf) {
  const program = async (canvas) => {
    const form = new FormData();
    form.append("csrf", csrf);
    form.append("photo", await new Promise((settle) => canvas.toBlob(settle, "image/jpeg", QUALITY)));
    const answer = await fetch("/verify/frame", { method: "POST", body: form });
    return answer.status === 200 ? answer.text() : undefined;
  };
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    if (!formats.includes("qr_code")) return program;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    // Some browsers have the name and nothing behind it.
    return (canvas) => detector.detect(canvas).then(([found]) => found?.rawValue, () => program(canvas));
  } catch {
    return program;
  }
}

/** Shows what the camera sees until a slip is read, or the button is pressed again. */
async function watch(button, field) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: WIDTH_WANTED }, facingMode: "environment" },
  });
  const [view, canvas] = [document.createElement("video"), document.createElement("canvas")];
  Object.assign(view, { srcObject: stream, muted: true, playsInline: true });
  button.after(view);
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    view.remove();
    button.onclick = () => begin(button, field);
  };
  button.onclick = stop;
  try {
    await view.play();
    const read = await reader(button.dataset.csrf);
    while (view.isConnected) {
      [canvas.width, canvas.height] = [view.videoWidth, view.videoHeight];
      canvas.getContext("2d").drawImage(view, 0, 0);
      const slip = await read(canvas);
      if (slip && view.isConnected) {
        field.value = slip;
        field.form.requestSubmit();
        return;
      }
      await wait(PAUSE_MS);
    }
  } finally {
    if (view.isConnected) stop();
  }
}

function begin(button, field) {
  button.onclick = null;
  watch(button, field).catch(() => without(button));
}

/** Says in the place of the button what else there is. */
function without(button) {
  const told = document.createElement("small");
  told.setAttribute("role", "status");
  told.textContent = button.dataset.none;
  button.replaceWith(told);
}

for (const button of document.querySelectorAll("[data-scan]")) {
  if (navigator.mediaDevices?.getUserMedia) {
    button.hidden = false;
    button.onclick = () => begin(button, document.getElementById(button.dataset.scan));
  } else {
    without(button);
  }
}
