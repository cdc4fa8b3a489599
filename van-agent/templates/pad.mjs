// A signature on the laptop's pad: drawn with a pen, a finger or the mouse, and posted as a small picture. Without this
// file, and for whoever works by keyboard, there are a signature and a thumb print on paper.

const PICTURE = "data:image/png;base64,";
const STROKE_PIXELS = 3;

const canvas = document.getElementById("signature");
if (canvas !== null) offer(canvas);

function offer(canvas) {
  const [pad, choice] = [document.getElementById("pad"), document.getElementById("pad-choice")];
  const kept = pad.querySelector("[name=signature]");
  const pen = canvas.getContext("2d");
  const empty = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    kept.value = "";
  };
  const place = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((clientX - left) * canvas.width) / width, ((clientY - top) * canvas.height) / height];
  };
  const before = kept.value;
  empty();
  Object.assign(pen, { lineWidth: STROKE_PIXELS, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
  [pad.hidden, choice.hidden] = [false, false];
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    for (const point of event.getCoalescedEvents?.() ?? [event]) pen.lineTo(...place(point));
    pen.stroke();
  });
  canvas.addEventListener("pointerup", () => (kept.value = canvas.toDataURL("image/png")));
  document.getElementById("pad-clear").addEventListener("click", empty);
  if (before.startsWith(PICTURE)) restore(before.slice(PICTURE.length));

  /** Draws again what was drawn before the page was refused. */
  async function restore(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    pen.drawImage(await createImageBitmap(new Blob([bytes], { type: "image/png" })), 0, 0);
    kept.value = before;
  }
}
