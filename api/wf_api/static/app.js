// What every page loads. Each part works by itself, and a page reads well without any of them.
import { follow } from "./live.js";
import { openOver } from "./over.js";
import { listen } from "./keys.js";
import { tell } from "./times.js";

tell(document);
setInterval(() => tell(document), 1000);
document.addEventListener("changed", () => tell(document));
openOver();
listen();
follow();
