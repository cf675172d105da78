//! Addresses to paste into a platform's cabinet. Enter at [`urls`].
