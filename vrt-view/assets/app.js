// In: records. Out: what is on the screen.
const heading = document.createElement("h1");
heading.textContent = data.title;
const list = document.createElement("ol");
for (const record of data.records) {
  const item = document.createElement("li");
  item.textContent = `${record.caption}: ${record.stop?.name ?? "running"}`;
  list.append(item);
}
document.body.append(heading, list);
