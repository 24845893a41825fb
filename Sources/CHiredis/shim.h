#pragma once
/* Linked by the module map: hiredis.pc carries a flag that SwiftPM warns of. */
#include <hiredis/hiredis.h>
