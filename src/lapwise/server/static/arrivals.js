// Brings the addresses that MLflow's clients print, #/experiments/1/runs/ID, to our pages.
"use strict";

(() => {
  const ours = [
    [/^#\/experiments\/[0-9]+\/runs\/([^/?]+)/, (run) => `/runs/${run}`],
    [/^#\/experiments\/([0-9]+)/, (experiment) => `/runs?experiment=${experiment}`],
    [/^#\/models\/([^/?]+)\/versions\/([0-9]+)/, (model, number) => `/models/${model}/versions/${number}`],
    [/^#\/models\/([^/?]+)/, (model) => `/models/${model}`],
    [/^#\/(?:experiments|models)?\/?(?:\?|$)/, () => "/runs"],
  ];

  const login = document.querySelector('form[action="/login"]');
  if (login !== null) {
    // Whoever has to log in first is sent on with the rest of the address.
    login.action = `/login${window.location.hash}`;
    return;
  }
  for (const [pattern, address] of ours) {
    const found = pattern.exec(window.location.hash);
    if (found !== null) {
      window.location.replace(address(...found.slice(1)));
      return;
    }
  }
})();
