"""Files that come with a question: each as one text that can be cited, and archives as the files in them.

Where a corpus wants documents, a question wants the file itself: a table with its columns and rows, the tree of a JSON
or XML file, the words in a picture. Long ones begin with an overview of what they hold.
"""
