// All tests in one process, one after another: node 18 has no --test-concurrency, and two browsers at a time are one
// too many.
import './node_test.mjs';
import './page_test.mjs';
