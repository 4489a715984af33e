from hcc_xai.cli import main

raise SystemExit(main())
