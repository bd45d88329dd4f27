"""What tests of several files share: cases, small studies, a step by hand."""
