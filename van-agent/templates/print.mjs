// Prints the slips. Without this file the browser's own command does.
const print_button = document.getElementById("print");
print_button.hidden = false;
print_button.addEventListener("click", () => print());
