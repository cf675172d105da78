//! Every key of every file. Enter at [`reference`].
