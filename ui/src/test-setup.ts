/** Before each test file: what the test environment lacks. */
export {};
