export { ForgeApi, RefusedByForge, type Entry } from "./api";
export { markerOf, postComment } from "./comments";
export { changeFrom, forgeFrom, type Change, type ForgeFlags } from "./environment";
export { keepIssue } from "./issues";
export { reviewOf } from "./merged";
export { reviewIn, reviewLine, sealKey } from "./review";
export { setStatus, statusOf } from "./status";
export { commentText, notPreviewedText } from "./text";
