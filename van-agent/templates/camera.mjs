// Takes a photo with the laptop's camera and posts it as a file. Without this file, or without a camera, a file is
// chosen instead.

const WIDTH_WANTED = 1920;
const QUALITY = 0.85;

/** Shows what the camera sees in `form`, until a photo is taken or the button is pressed again. */
async function watch(form, button) {
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    view.remove();
    take.remove();
    button.onclick = () => begin(form, button);
  };
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: WIDTH_WANTED }, facingMode: "environment" },
  });
  const [view, take] = [document.createElement("video"), document.createElement("button")];
  Object.assign(view, { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  Object.assign(take, { type: "button", textContent: button.dataset.take, disabled: true });
  view.addEventListener("loadeddata", () => {
    take.disabled = false;
    take.focus();
  });
  take.addEventListener("click", async () => {
    take.disabled = true;
    const photo = await still(view);
    stop();
    send(form, photo);
  });
  button.onclick = stop;
  form.append(view, take);
}

async function still(view) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [view.videoWidth, view.videoHeight];
  canvas.getContext("2d").drawImage(view, 0, 0);
  return new Promise((settle) => canvas.toBlob(settle, "image/jpeg", QUALITY));
}

function send(form, photo) {
  const chosen = new DataTransfer();
  chosen.items.add(new File([photo], "kamera.jpg", { type: photo.type }));
  form.elements.file.files = chosen.files;
  if (form.elements.kind.value === "") form.elements.kind.value = "photo";
  form.requestSubmit();
}

function begin(form, button) {
  button.onclick = null;
  watch(form, button).catch(() => {
    button.disabled = true;
    button.textContent = button.dataset.none;
  });
}

if (navigator.mediaDevices?.getUserMedia) {
  for (const button of document.querySelectorAll(".camera")) {
    button.hidden = false;
    button.onclick = () => begin(button.form, button);
  }
}
