// Prints what is shown, and asks afterwards whether it came out. Without this file the browser's own command prints, and
// the question stands there from the beginning.
const print_button = document.getElementById("print");
const question = document.getElementById("came-out");
if (question !== null) question.hidden = true;
print_button.hidden = false;
print_button.addEventListener("click", () => {
  print();
  if (question === null) return;
  question.hidden = false;
  document.getElementById("came-out-yes").focus();
});
