// Gives each line of the list that is about an instance a link to it in the dashboard.
const OURS = /^[\w-]{1,64}:[^:]+:\d+\.-?\d+\.\d+$/;
const prefix = document.getElementById("url_prefix").value.replace(/^\/|\/$/g, "");
const body = document.querySelector("#tasks-table tbody");

function link(row) {
  if (!OURS.test(row.id) || row.querySelector(".wf-instance")) {
    return;
  }
  const [workflow, instance] = row.id.split(":");
  const made = document.createElement("a");
  made.className = "wf-instance ms-2";
  made.href = `${prefix && `/${prefix}`}/dashboard/${encodeURIComponent(row.id)}`;
  made.title = `Instance ${instance} of workflow ${workflow} in the dashboard`;
  made.textContent = instance;
  row.cells[0].append(made);
}

function linkAll() {
  for (const row of body.rows) {
    link(row);
  }
}

new MutationObserver(linkAll).observe(body, { childList: true });
linkAll();
