// Says how long ago a time is, and how long something has been going on. The server's text is the time itself, in UTC.

const steps = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export function span(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  const first = steps.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [unit, size] = steps[first];
  const rest = Math.floor((whole % size) / (steps[first + 1]?.[1] ?? size));
  return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${steps[first + 1][0]}` : ""}`;
}

export function tell(root) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[datetime]:not([data-plain])")) {
    const away = (Date.parse(time.dateTime) - now) / 1000;
    if (Number.isNaN(away)) continue;
    const near = Math.abs(away) < 1 ? "now" : away < 0 ? `${span(-away)} ago` : `in ${span(away)}`;
    const text = time.hasAttribute("data-exact") ? `${time.title.replace(" UTC", "")} (${near})` : near;
    if (time.textContent !== text) time.textContent = text;
  }
  for (const element of root.querySelectorAll("[data-since]")) {
    const text = span((now - Date.parse(element.dataset.since)) / 1000);
    if (element.textContent !== text) element.textContent = text;
  }
}
