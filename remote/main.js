// States of stacks from before lib/ name this file: their commands find what they want until each has seen an `up`.
require("../lib/ssh/main.js");
