// Shows how far the exchange is while it goes on, and the page anew when it has ended. Without this file the page
// tells the same whenever it is loaded.

const place = document.getElementById("progress");
const news = new EventSource(`/sync/news?seen=${encodeURIComponent(place.dataset.seen)}`);

news.addEventListener("progress", ({ data }) => (place.textContent = data));
news.addEventListener("ended", () => {
  news.close();
  location.replace("/sync");
});
// A press leads to the page anew: nothing is to come between.
document.addEventListener("submit", () => news.close());
