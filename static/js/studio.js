/* Starts every behaviour of the pages. Each is one module, hooked by data- attributes, and pages work without it. */

import "./copy.js";
import "./dialogs.js";
import "./drawer.js";
import "./forms.js";
import "./keys.js";
import "./live.js";
import "./menus.js";
import "./tabs.js";
import "./theme.js";
import "./time.js";
import "./toasts.js";
import "./upload.js";
