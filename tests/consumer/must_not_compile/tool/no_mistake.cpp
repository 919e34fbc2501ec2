// error: deleted
#ifdef WRONG
int f() { return 1; }
#endif
