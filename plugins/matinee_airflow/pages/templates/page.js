"use strict";
(() => {
  // Airflow keeps its theme there; the frame has the same origin.
  const chosen = () => {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") return theme;
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  };
  const apply = () => { document.documentElement.dataset.theme = chosen(); };
  apply();
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", () => {
    if (document.body.dataset.again) setTimeout(() => location.reload(), 2000);
    for (const form of document.querySelectorAll("form[data-write]")) {
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const answer = await fetch(form.action, {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-Matinee": "page" },
          body: JSON.stringify(Object.fromEntries(new FormData(form))),
        });
        if (answer.ok) { location.reload(); return; }
        const told = await answer.json().catch(() => ({}));
        form.querySelector("[role=alert]").textContent = String(told.detail || answer.status);
      });
    }
  });
})();
