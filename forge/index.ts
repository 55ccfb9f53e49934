export { ForgeApi, RefusedByForge, type Entry } from "./api";
export { markerOf, ownComments, postComment, whoPosts, type Posted } from "./comments";
export { changeFrom, FORGES, forgeFrom, type Change, type Forge, type ForgeFlags } from "./environment";
export { keepIssue, type IssueFate } from "./issues";
export { mergedPull, reviewOf } from "./merged";
export { reviewIn, reviewLine, sealKey, type Review } from "./review";
export { setStatus, statusOf } from "./status";
export { commentText, notPreviewedText } from "./text";
