// In: the page's data. Out: its records.
const data = JSON.parse(document.getElementById("data").textContent);
